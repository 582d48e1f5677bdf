//! The words at the start of an entry or of a part of an entry, in the languages in which PostgreSQL writes them.

use std::sync::LazyLock;

/// A word at the start of a line's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// The line begins an entry. The severity is in English.
    Severity(&'static str),
    /// The line belongs to the entry above it: DETAIL, STATEMENT and so on.
    Part,
}

/// The severities of `elog.c`, and their translations in PostgreSQL's message catalogs: German, Spanish, French, Italian, Japanese, Georgian,
/// Korean, Polish, Brazilian Portuguese, Russian, Swedish, Turkish, Ukrainian and Chinese. Spanish and Japanese keep the English words.
const SEVERITIES: [(&str, &str); 8] = [
    ("DEBUG", "DEBUG DEBUG1 DEBUG2 DEBUG3 DEBUG4 DEBUG5 DEPURAÇÃO გამართვა 디버그 ОТЛАДКА НАЛАГОДЖЕННЯ 调试 除錯"),
    ("LOG", "LOG LOGG DZIENNIK ჟურნალი 로그 СООБЩЕНИЕ ЗАПИСУВАННЯ 日志 日誌"),
    ("INFO", "INFO INFORMACJA BİLGİ ინფორმაცია 정보 ИНФОРМАЦИЯ ІНФОРМАЦІЯ 信息 資訊"),
    ("NOTICE", "NOTICE HINWEIS NOTIFICA NOTA NOTIS NOT BİLDİRİM UWAGA 알림 ЗАМЕЧАНИЕ ПОВІДОМЛЕННЯ 注意"),
    ("WARNING", "WARNING WARNUNG ATTENTION ATTENZIONE AVISO VARNING OSTRZEŻENIE UYARI გაფრთხილება 경고 ПРЕДУПРЕЖДЕНИЕ ПОПЕРЕДЖЕННЯ 警告"),
    ("ERROR", "ERROR FEHLER ERREUR ERRORE ERRO FEL BŁĄD HATA შეცდომა 오류 ОШИБКА ПОМИЛКА 错误 錯誤"),
    ("FATAL", "FATAL FATALE FATALT KATASTROFALNY ÖLÜMCÜL ფატალური 치명적오류 ВАЖНО ФАТАЛЬНО 致命错误 致命錯誤 嚴重錯誤"),
    ("PANIC", "PANIC PANIK PANICO PÂNICO PANIKA KRİTİK პანიკა 손상 ПАНИКА ПАНІКА 比致命错误还过分的错误"),
];

/// The same for DETAIL, HINT, QUERY, CONTEXT, STATEMENT, LOCATION and BACKTRACE, one language a line.
const PARTS: [&str; 16] = [
    "DETAIL,HINT,QUERY,CONTEXT,STATEMENT,LOCATION,BACKTRACE",
    "TIPP,ANFRAGE,ZUSAMMENHANG,ANWEISUNG,ORT",
    "DETALLE,SUGERENCIA,CONSULTA,CONTEXTO,SENTENCIA,UBICACIÓN",
    "DÉTAIL,ASTUCE,REQUÊTE,CONTEXTE,INSTRUCTION,EMPLACEMENT,PILE D'APPEL",
    "DETTAGLI,SUGGERIMENTO,CONTESTO,ISTRUZIONE,POSIZIONE",
    "詳細,ヒント,問い合わせ,文脈,文,場所,バックトレース",
    "დეტალები,მინიშნება,მოთხოვნა,კონტექსტი,ოპერატორი,მდებარეობა,სტეკი",
    "상세정보,힌트,쿼리,내용,명령 구문,위치,역추적",
    "SZCZEGÓŁY,PODPOWIEDŹ,ZAPYTANIE,KONTEKST,WYRAŻENIE,POZYCJA",
    "DETALHE,DICA,COMANDO,LOCAL",
    "ПОДРОБНОСТИ,ПОДСКАЗКА,ЗАПРОС,КОНТЕКСТ,ОПЕРАТОР,ПОЛОЖЕНИЕ,СТЕК",
    "DETALJ,TIPS,FRÅGA,KONTEXT,SATS,PLATS",
    "AYRINTI,DETAY,İPUCU,SORGU,BAĞLAM,İÇERİK,İFADE,KOMUT,YER",
    "ВІДОМОСТІ,УКАЗІВКА,ПІДКАЗКА,ЗАПИТ,ІНСТРУКЦІЯ,РОЗТАШУВАННЯ,ВІДСТЕЖУВАТИ",
    "详细信息,提示,查询,上下文,语句,位置",
    "詳細,詳細資訊,提示,查詢,內容,背景,陳述,敘述,位置",
];

/// The word that PostgreSQL writes for a user, a database or an application that it does not know, in all languages.
const UNKNOWN: [&str; 13] = [
    "[unknown]",
    "[unbekannt]",
    "[desconocido]",
    "[desconhecido]",
    "[inconnu]",
    "[sconosciuto]",
    "[nieznany]",
    "[不明]",
    "[უცნობი]",
    "[알수없음]",
    "[н/д]",
    "[okänd]",
    "[未知]",
];

/// All words, longest first: some words end with another one.
static WORDS: LazyLock<Vec<(&str, Word)>> = LazyLock::new(|| {
    let severities = SEVERITIES.iter().flat_map(|(english, words)| words.split_whitespace().map(|word| (word, Word::Severity(english))));
    let parts = PARTS.iter().flat_map(|words| words.split(',')).map(|word| (word, Word::Part));
    let mut words: Vec<_> = severities.chain(parts).collect();
    words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
    words
});

/// The words with which `text` may end.
pub(super) fn words_at_end(text: &str) -> impl Iterator<Item = (&'static str, Word)> {
    WORDS.iter().copied().filter(|(word, _)| text.ends_with(word))
}

/// Returns the severity in English. `None`: no catalog of PostgreSQL has the word.
pub(super) fn in_english(word: &str) -> Option<&'static str> {
    WORDS.iter().find_map(|(known, kind)| match kind {
        Word::Severity(english) if *known == word => Some(*english),
        _ => None,
    })
}

/// Returns a user, a database or an application from the log. `None`: the log has no value.
pub(super) fn value(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && !UNKNOWN.contains(&text)).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_has_two_meanings() {
        for (at, (word, kind)) in WORDS.iter().enumerate() {
            // Some languages share a word.
            assert!(WORDS.iter().skip(at).all(|(other, of_other)| other != word || of_other == kind), "{word}");
        }
    }
}
