/** The SQL editor: CodeMirror with completion of tables and columns, and a mark at the position of an error. */
import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { PostgreSQL, SQLDialect, sql } from '@codemirror/lang-sql';
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, setDiagnostics } from '@codemirror/lint';
import { Compartment, EditorState, Prec } from '@codemirror/state';
import { drawSelection, EditorView, highlightSpecialChars, keymap, lineNumbers, placeholder } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'react';
import type { Position } from '../../api/client';
import type { View } from '../../api/facts';

interface EditorProps {
  value: string;
  onChange: (value: string) => void;
  onRun: () => void;
  views: View[] | undefined;
  error: { message: string; position: Position | undefined } | null;
}

const highlight = HighlightStyle.define([
  { tag: tags.keyword, color: 'var(--pga-sql-keyword)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--pga-sql-string)' },
  { tag: [tags.number, tags.bool, tags.null, tags.special(tags.name)], color: 'var(--pga-sql-number)' },
  { tag: tags.comment, color: 'var(--mantine-color-dimmed)' },
]);

const look = EditorView.theme({
  '&': { fontSize: '13px', backgroundColor: 'var(--pga-surface)', maxHeight: '45vh' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mantine-font-family-monospace)', lineHeight: '1.55' },
  '.cm-content': { padding: '10px 0', minHeight: '150px', caretColor: 'var(--mantine-color-text)' },
  '.cm-cursor': { borderLeftColor: 'var(--mantine-color-text)' },
  '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--mantine-color-dimmed)', border: 'none' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'light-dark(#cfe3f2, #2c4a63)',
  },
  '.cm-tooltip': {
    backgroundColor: 'var(--pga-surface)',
    border: '1px solid var(--mantine-color-default-border)',
    color: 'var(--mantine-color-text)',
  },
  '.cm-tooltip-autocomplete ul li[aria-selected]': {
    backgroundColor: 'var(--mantine-primary-color-filled)',
    color: 'var(--mantine-color-white)',
  },
});

/** Column names that are also in PostgreSQL's list of keywords. */
const NAMES =
  /\b(server|state|names?|minute|hour|day|wait|views?|users?|rows|method|size|data|system|version|type|usage)\b/g;

/** PostgreSQL's dialect, with `$name` as a parameter. */
const dialect = SQLDialect.define({
  ...PostgreSQL.spec,
  keywords: PostgreSQL.spec.keywords?.replace(NAMES, '') ?? '',
  doubleDollarQuotedStrings: false,
  specialVar: '$',
});

/** Columns that every table has. */
const RESERVED = ['ts', 'server', 'interval_ms'];

function language(views: View[] | undefined) {
  const schema = Object.fromEntries(
    (views ?? []).map((view) => [
      view.name,
      [
        ...RESERVED.filter((name) => !view.columns.some((column) => column.name === name)).map((label) => ({ label })),
        ...view.columns.map((column) => ({ label: column.name, detail: column.kind, info: column.help })),
      ],
    ]),
  );
  return sql({ dialect, schema, upperCaseKeywords: false });
}

/** The offset of a line and a column (both from 1). A position after the end of its line becomes the end of the line. */
function offsetOf(state: EditorState, position: Position): number {
  const line = state.doc.line(Math.min(Math.max(position.line, 1), state.doc.lines));
  return Math.min(line.from + Math.max(position.column, 1) - 1, line.to);
}

export function Editor({ value, onChange, onRun, views, error }: EditorProps) {
  const parent = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const languageSlot = useRef(new Compartment());
  const handlers = useRef({ onChange, onRun });
  handlers.current = { onChange, onRun };
  const initial = useRef(value);

  useEffect(() => {
    if (!parent.current) return undefined;
    const editor = new EditorView({
      parent: parent.current,
      state: EditorState.create({
        doc: initial.current,
        extensions: [
          Prec.highest(
            keymap.of([
              {
                key: 'Mod-Enter',
                run: () => {
                  handlers.current.onRun();
                  return true;
                },
              },
            ]),
          ),
          lineNumbers(),
          history(),
          drawSelection(),
          highlightSpecialChars(),
          bracketMatching(),
          closeBrackets(),
          autocompletion(),
          syntaxHighlighting(highlight),
          languageSlot.current.of(language(undefined)),
          keymap.of([...closeBracketsKeymap, ...completionKeymap, ...historyKeymap, ...defaultKeymap]),
          placeholder('select …'),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': 'SQL', tabindex: '0' }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) handlers.current.onChange(update.state.doc.toString());
          }),
          look,
        ],
      }),
    });
    view.current = editor;
    editor.focus();
    return () => editor.destroy();
  }, []);

  useEffect(() => {
    view.current?.dispatch({ effects: languageSlot.current.reconfigure(language(views)) });
  }, [views]);

  useEffect(() => {
    const editor = view.current;
    if (editor && editor.state.doc.toString() !== value) {
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
    }
  }, [value]);

  useEffect(() => {
    const editor = view.current;
    if (!editor) return;
    const marks: Diagnostic[] = [];
    if (error?.position) {
      const from = offsetOf(editor.state, error.position);
      const word = editor.state.wordAt(from);
      marks.push({
        from,
        to: word?.to ?? Math.min(from + 1, editor.state.doc.length),
        severity: 'error',
        message: error.message,
      });
    }
    editor.dispatch(setDiagnostics(editor.state, marks));
  }, [error]);

  return <div ref={parent} />;
}
