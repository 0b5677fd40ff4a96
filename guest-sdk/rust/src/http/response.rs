//! What comes back.

use serde::de::DeserializeOwned;

use super::wire::Incoming;
use super::{Error, ErrorKind};

/// How much of a body is read at most, unless the reader says otherwise: 8 MiB.
const MAX_BODY: usize = 8 << 20;

/// An answer: its head, and the body that is read as it comes.
#[derive(Debug)]
pub struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) url: String,
    pub(super) body: Incoming,
}

impl Response {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is one of success: 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The URL that answered: after redirects, another than was asked.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The first header of this name that is a text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All headers that are texts.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().filter_map(|(name, value)| Some((name.as_str(), std::str::from_utf8(value).ok()?)))
    }

    /// The body's next piece; `None` at its end.
    ///
    /// # Errors
    /// Where the connection fails.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.body.chunk().await
    }

    /// The body, as far as `limit` bytes of it, and whether there is more.
    ///
    /// # Errors
    /// Where the connection fails.
    pub async fn read_up_to(&mut self, limit: usize) -> Result<(Vec<u8>, bool), Error> {
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            let room = limit - body.len();
            body.extend(chunk.iter().take(room));
            if chunk.len() > room {
                return Ok((body, true));
            }
        }
        Ok((body, false))
    }

    /// The whole body, of at most 8 MiB; [`read_up_to`](Self::read_up_to) and [`chunk`](Self::chunk) read larger ones.
    ///
    /// # Errors
    /// Where the connection fails, or the body is larger.
    pub async fn bytes(&mut self) -> Result<Vec<u8>, Error> {
        match self.read_up_to(MAX_BODY).await? {
            (body, false) => Ok(body),
            (_, true) => Err(Error::new(
                ErrorKind::TooLarge,
                format!("the answer of {} is larger than {MAX_BODY} bytes", self.url),
            )),
        }
    }

    /// The whole body as a text.
    ///
    /// # Errors
    /// Those of [`bytes`](Self::bytes), and where the body is not UTF-8.
    pub async fn text(&mut self) -> Result<String, Error> {
        String::from_utf8(self.bytes().await?)
            .map_err(|_| Error::new(ErrorKind::Unexpected, format!("the answer of {} is no UTF-8 text", self.url)))
    }

    /// The whole body, read as JSON.
    ///
    /// # Errors
    /// Those of [`bytes`](Self::bytes), and where the body is not the JSON of a `T`.
    pub async fn json<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        let body = self.bytes().await?;
        serde_json::from_slice(&body).map_err(|error| {
            let (url, status) = (&self.url, self.status);
            Error::new(
                ErrorKind::Unexpected,
                format!("the answer of {url} (HTTP {status}) is not as expected: {error}"),
            )
        })
    }
}
