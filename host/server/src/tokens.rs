//! The tokens that let agents in, as they are now.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use parking_lot::RwLock;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tollgate::Principal;

/// A token that lets an agent in: its hash, so that no file or memory has the token itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Who comes with it.
    pub principal: Principal,
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
}

impl Token {
    /// The hash of a token in clear.
    pub fn of(principal: Principal, token: &str) -> Self {
        Self { principal, sha256: Sha256::digest(token).into() }
    }
}

/// The tokens of a front end. Cheap to clone; clones are the same.
#[derive(Clone)]
pub struct Tokens(Arc<Inner>);

struct Inner {
    known: RwLock<Known>,
    changed: watch::Sender<u64>,
}

struct Known {
    tokens: Vec<Valid>,
    /// Whether nobody comes in without one. Once it is so, it stays so: a list that became empty lets nobody in.
    are_required: bool,
    /// Of those who need none.
    always: CancellationToken,
}

/// A token, for as long as it is one.
#[derive(Clone)]
struct Valid {
    token: Token,
    revoked: CancellationToken,
}

/// Who came in.
pub(crate) struct Admitted {
    /// Who it is, if a token said it.
    pub(crate) principal: Option<Principal>,
    /// Cancelled when the token is one no more.
    pub(crate) revoked: CancellationToken,
}

impl Tokens {
    /// With `are_required`, nobody comes in without one, though there be none.
    pub(crate) fn new(tokens: Vec<Token>, are_required: bool) -> Self {
        let are_required = are_required || !tokens.is_empty();
        let tokens = tokens.into_iter().map(Valid::new).collect();
        let known = Known { tokens, are_required, always: CancellationToken::new() };
        Self(Arc::new(Inner { known: RwLock::new(known), changed: watch::Sender::new(0) }))
    }

    /// Has these let in from now on, and no others: who came with another is cut off.
    pub fn set(&self, tokens: Vec<Token>) {
        let mut known = self.0.known.write();
        known.are_required |= !tokens.is_empty();
        let mut old = std::mem::take(&mut known.tokens);
        for token in tokens {
            let place = old.iter().position(|valid| valid.token == token);
            let valid = place.map_or_else(|| Valid::new(token), |place| old.swap_remove(place));
            known.tokens.push(valid);
        }
        if known.are_required {
            known.always.cancel();
        }
        drop(known);
        old.iter().for_each(|gone| gone.revoked.cancel());
        self.0.changed.send_modify(|count| *count += 1);
    }

    /// Tells when they change.
    pub(crate) fn changed(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// Whether nobody comes in without one.
    pub(crate) fn are_required(&self) -> bool {
        self.0.known.read().are_required
    }

    /// Who can come in with a token.
    pub(crate) fn principals(&self) -> HashSet<Principal> {
        self.0.known.read().tokens.iter().map(|valid| valid.token.principal.clone()).collect()
    }

    /// Who sends a request with these headers. `None` if he may not come in.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Option<Admitted> {
        let known = self.0.known.read();
        if !known.are_required {
            return Some(Admitted { principal: None, revoked: known.always.clone() });
        }
        let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let hash: [u8; 32] = Sha256::digest(token.trim()).into();
        // All are compared, each in constant time: the time tells nothing of where a guess went wrong.
        let mut found = None;
        for valid in &known.tokens {
            let differs = valid.token.sha256.iter().zip(&hash).fold(0, |differs, (a, b)| differs | (a ^ b));
            if std::hint::black_box(differs) == 0 {
                let Valid { token, revoked } = valid.clone();
                found = Some(Admitted { principal: Some(token.principal), revoked });
            }
        }
        found
    }
}

impl Valid {
    fn new(token: Token) -> Self {
        Self { token, revoked: CancellationToken::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(token: &str) -> HeaderMap {
        [(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())].into_iter().collect()
    }

    fn token(name: &str, token: &str) -> Token {
        Token::of(Principal::new(name), token)
    }

    #[test]
    fn a_token_that_is_taken_away_lets_nobody_in_and_cuts_off_who_came_with_it() {
        let tokens = Tokens::new(vec![token("ada", "one"), token("bob", "two")], false);
        let (ada, bob) = (tokens.admit(&headers("one")).unwrap(), tokens.admit(&headers("two")).unwrap());
        assert_eq!(ada.principal, Some(Principal::new("ada")));
        tokens.set(vec![token("bob", "two"), token("ada", "three")]);
        assert!(ada.revoked.is_cancelled() && !bob.revoked.is_cancelled(), "the others notice nothing");
        assert!(tokens.admit(&headers("one")).is_none() && tokens.admit(&headers("three")).is_some());
    }

    #[test]
    fn a_list_that_became_empty_opens_nothing() {
        let open = Tokens::new(Vec::new(), false);
        let without = open.admit(&HeaderMap::new()).unwrap();
        assert!(without.principal.is_none());
        open.set(vec![token("ada", "one")]);
        assert!(without.revoked.is_cancelled() && open.admit(&HeaderMap::new()).is_none());
        open.set(Vec::new());
        assert!(open.admit(&HeaderMap::new()).is_none() && open.admit(&headers("one")).is_none());
        assert!(Tokens::new(Vec::new(), true).admit(&HeaderMap::new()).is_none());
    }
}
