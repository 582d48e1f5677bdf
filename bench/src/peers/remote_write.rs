//! Samples as Prometheus ships them: remote write 1.0, a protobuf `WriteRequest` compressed as one snappy block.
//!
//! ```text
//! WriteRequest { repeated TimeSeries timeseries = 1; }
//! TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2; }
//! Label        { string name = 1; string value = 2; }
//! Sample       { double value = 1; int64 timestamp = 2; }
//! ```
//! The protocol repeats all labels of a series in every request. So the labels are encoded once per series, which no protobuf library does.

use anyhow::{Context, Result};

/// Samples in a request: Prometheus' default maximum.
pub(crate) const SAMPLES_PER_REQUEST: usize = 2_000;

/// A series' labels, encoded.
pub(crate) struct Series(Vec<u8>);

impl Series {
    /// Sorts the labels, with `__name__` among them, as the protocol requires.
    pub(crate) fn new<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut labels: Vec<(&str, &str)> = labels.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        labels.sort_unstable();
        let mut out = Vec::new();
        for (name, value) in labels {
            let length = 2 + varint_length(name.len() as u64) + name.len() + varint_length(value.len() as u64) + value.len();
            out.push(0x0a);
            varint(&mut out, length as u64);
            text(&mut out, 0x0a, name);
            text(&mut out, 0x12, value);
        }
        Self(out)
    }
}

/// A request being filled.
#[derive(Default)]
pub(crate) struct Request {
    body: Vec<u8>,
    samples: usize,
}

impl Request {
    pub(crate) fn push(&mut self, series: &Series, value: f64, timestamp_ms: u64) {
        let sample = 10 + varint_length(timestamp_ms);
        self.body.push(0x0a);
        varint(&mut self.body, (series.0.len() + 2 + sample) as u64);
        self.body.extend_from_slice(&series.0);
        self.body.extend_from_slice(&[0x12, sample as u8, 0x09]);
        self.body.extend_from_slice(&value.to_le_bytes());
        self.body.push(0x10);
        varint(&mut self.body, timestamp_ms);
        self.samples += 1;
    }

    #[must_use]
    pub(crate) fn samples(&self) -> usize {
        self.samples
    }

    /// The bytes of the request for the wire. Empties the request.
    ///
    /// # Errors
    /// If the request is too large for snappy.
    pub(crate) fn take(&mut self) -> Result<Vec<u8>> {
        let compressed = snap::raw::Encoder::new().compress_vec(&self.body).context("compress a remote write request")?;
        self.body.clear();
        self.samples = 0;
        Ok(compressed)
    }
}

fn text(out: &mut Vec<u8>, tag: u8, text: &str) {
    out.push(tag);
    varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint_length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::{Request, Series};

    #[test]
    fn a_sample_is_encoded_as_the_protocol_requires() {
        let mut request = Request::default();
        request.push(&Series::new([("job", "a"), ("__name__", "up")]), 1.0, 300);
        let bytes = request.take().and_then(|body| Ok(snap::raw::Decoder::new().decompress_vec(&body)?)).expect("a body");
        let labels = b"\x0a\x0e\x0a\x08__name__\x12\x02up\x0a\x08\x0a\x03job\x12\x01a";
        let mut expected = vec![0x0a, labels.len() as u8 + 14];
        expected.extend_from_slice(labels);
        expected.extend_from_slice(b"\x12\x0c\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\xac\x02");
        assert_eq!(bytes, expected);
        assert_eq!(request.samples(), 0);
    }
}
