//! Reading lines.

use std::io;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// What is read at once, in bytes.
const BUFFER_BYTES: usize = 32 << 10;
/// A line over this must not hold its memory for the rest of the connection, in bytes.
const KEPT_BYTES: usize = 1 << 20;

/// What came next.
#[derive(Debug)]
pub enum Next {
    /// A line: [`LineReader::line`].
    Line,
    /// A line over the limit. Its beginning is thrown away, and so is the rest of it if one reads on.
    TooLong,
    /// The end of the stream. What has come of a line is none.
    End,
    /// The stream cannot be read.
    Failed(io::Error),
}

/// Reads lines up to a limit.
#[derive(Debug)]
pub struct LineReader<R> {
    read: BufReader<R>,
    /// The line so far. [`LineReader::next`] may be dropped at any await, so it lives here.
    line: Vec<u8>,
    is_whole: bool,
    is_skipping: bool,
    max_bytes: usize,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    /// Reads lines of at most `max_bytes`, the end of the line not counted.
    pub fn new(read: R, max_bytes: usize) -> Self {
        let read = BufReader::with_capacity(BUFFER_BYTES, read);
        Self { read, line: Vec::new(), is_whole: false, is_skipping: false, max_bytes }
    }

    /// Reads on until something has come. Dropped before that, it has lost nothing.
    pub async fn next(&mut self) -> Next {
        if self.is_whole {
            self.is_whole = false;
            if self.line.capacity() > KEPT_BYTES {
                self.line = Vec::new();
            }
            self.line.clear();
        }
        loop {
            let available = match self.read.fill_buf().await {
                Ok([]) => return Next::End,
                Ok(available) => available,
                Err(error) => return Next::Failed(error),
            };
            let newline = available.iter().position(|byte| *byte == b'\n');
            let part = available.get(..newline.unwrap_or(available.len())).unwrap_or_default();
            let used = part.len() + usize::from(newline.is_some());
            let has_room = self.line.len() + part.len() <= self.max_bytes;
            if has_room && !self.is_skipping {
                self.line.extend_from_slice(part);
            }
            self.read.consume(used);
            if self.is_skipping {
                self.is_skipping = newline.is_none();
            } else if !has_room {
                self.line = Vec::new();
                self.is_skipping = newline.is_none();
                return Next::TooLong;
            } else if newline.is_some() {
                self.is_whole = true;
                return Next::Line;
            }
        }
    }

    /// The line that came last, without white space around it or the mark of byte order that some programs put before
    /// their first.
    pub fn line(&self) -> &[u8] {
        let line = self.line.trim_ascii();
        line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    /// All that comes, a word for each.
    async fn read(max_bytes: usize, chunks: &[&[u8]]) -> Vec<String> {
        let (mut near, far) = tokio::io::duplex(1 << 20);
        let mut reader = LineReader::new(far, max_bytes);
        let mut all = Vec::new();
        for chunk in chunks {
            near.write_all(chunk).await.unwrap();
            // Dropped at every await: what came so far is kept.
            let waiting = tokio::time::timeout(std::time::Duration::from_millis(1), reader.next());
            if let Ok(next) = waiting.await {
                all.push(word(&reader, next));
            }
        }
        drop(near);
        loop {
            let next = reader.next().await;
            let is_end = matches!(next, Next::End | Next::Failed(_));
            all.push(word(&reader, next));
            if is_end {
                return all;
            }
        }
    }

    fn word(reader: &LineReader<tokio::io::DuplexStream>, next: Next) -> String {
        match next {
            Next::Line => String::from_utf8_lossy(reader.line()).into_owned(),
            other => format!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn lines_come_whole_however_they_are_cut() {
        assert_eq!(read(8, &[b"one\ntwo\r\n\nthree\n"]).await, ["one", "two", "", "three", "End"]);
        assert_eq!(read(8, &[b"o", b"n", b"e\nt", b"wo\nha"]).await, ["one", "two", "End"]);
        assert_eq!(read(8, &[b"\xEF\xBB\xBFone\n"]).await, ["one", "End"]);
    }

    #[tokio::test]
    async fn what_is_too_long_is_told_once_and_skipped() {
        assert_eq!(read(4, &[b"four\nfives\nsix\n"]).await, ["four", "TooLong", "six", "End"]);
        assert_eq!(read(4, &[b"12345", b"67890", b"12\nnext\n"]).await, ["TooLong", "next", "End"]);
        assert_eq!(read(4, &[b"12345"]).await, ["TooLong", "End"]);
        let long = vec![b'x'; 100 << 10];
        assert_eq!(read(1 << 10, &[&long, b"\n\nlast\n"]).await, ["TooLong", "", "last", "End"]);
    }
}
