use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tollgate_core::{ManualClock, Principal, Tenant};
use tollgate_script::sessions::{KEPT, PER_PRINCIPAL_MAX, SESSION_MAX_BYTES};
use tollgate_script::{SessionError, SessionKey, Sessions};

fn key(tenant: &str, principal: &str, id: &str) -> SessionKey {
    SessionKey::new(&Tenant::new(tenant), &Principal::new(principal), id).unwrap()
}

fn sessions() -> (Arc<ManualClock>, Arc<Sessions>) {
    let clock = Arc::new(ManualClock::new(SystemTime::UNIX_EPOCH));
    (clock.clone(), Sessions::new(clock))
}

#[test]
fn variables_stay_with_their_principal_and_tenant() {
    let (_, sessions) = sessions();
    sessions.begin(key("t", "p", "s")).unwrap().commit(r#"{"a":1}"#).unwrap();
    for other in [key("u", "p", "s"), key("t", "q", "s"), key("t", "p", "r")] {
        assert_eq!(sessions.begin(other).unwrap().object(), "{}");
    }
    assert_eq!(sessions.begin(key("t", "p", "s")).unwrap().object(), r#"{"a":1}"#);
}

#[test]
fn a_second_run_at_once_is_refused_and_a_failed_one_changes_nothing() {
    let (_, sessions) = sessions();
    let lease = sessions.begin(key("t", "p", "s")).unwrap();
    assert!(matches!(sessions.begin(key("t", "p", "s")), Err(SessionError::InUse(_))));
    lease.commit(r#"{"a":1}"#).unwrap();
    drop(sessions.begin(key("t", "p", "s")).unwrap());
    for (object, want) in [
        ("[1]".to_owned(), SessionError::NotAnObject),
        ("{".to_owned(), SessionError::NotAnObject),
        (" ".repeat(SESSION_MAX_BYTES + 1), SessionError::TooLarge { bytes: SESSION_MAX_BYTES + 1 }),
    ] {
        assert_eq!(sessions.begin(key("t", "p", "s")).unwrap().commit(&object), Err(want));
        assert_eq!(sessions.begin(key("t", "p", "s")).unwrap().object(), r#"{"a":1}"#);
    }
}

#[test]
fn a_session_ends_an_hour_after_its_last_use() {
    let (clock, sessions) = sessions();
    sessions.begin(key("t", "p", "s")).unwrap().commit(r#"{"a":1}"#).unwrap();
    clock.advance(KEPT - Duration::from_secs(1));
    let lease = sessions.begin(key("t", "p", "s")).unwrap();
    clock.advance(KEPT * 2);
    assert!(sessions.begin(key("t", "p", "s")).is_err(), "one in use does not expire");
    drop(lease);
    clock.advance(KEPT);
    assert_eq!(sessions.begin(key("t", "p", "s")).unwrap().object(), "{}");
}

#[test]
fn a_principal_has_a_hundred_sessions_at_most_and_others_theirs() {
    let (_, sessions) = sessions();
    for n in 0..PER_PRINCIPAL_MAX {
        sessions.begin(key("t", "p", &format!("s{n}"))).unwrap().commit(r#"{"a":1}"#).unwrap();
    }
    assert!(matches!(sessions.begin(key("t", "p", "more")), Err(SessionError::TooMany)));
    assert!(sessions.begin(key("t", "q", "more")).is_ok());
    assert!(sessions.end(&key("t", "p", "s0")));
    assert!(sessions.begin(key("t", "p", "more")).is_ok());
}

#[test]
fn a_run_whose_session_was_ended_brings_nothing_back() {
    let (_, sessions) = sessions();
    let old = sessions.begin(key("t", "p", "s")).unwrap();
    sessions.end(&key("t", "p", "s"));
    let new = sessions.begin(key("t", "p", "s")).unwrap();
    old.commit(r#"{"old":1}"#).unwrap();
    assert!(matches!(sessions.begin(key("t", "p", "s")), Err(SessionError::InUse(_))));
    new.commit(r#"{"new":1}"#).unwrap();
    assert_eq!(sessions.begin(key("t", "p", "s")).unwrap().object(), r#"{"new":1}"#);
}

#[test]
fn ids_are_printable() {
    let new = |id: &str| SessionKey::new(&Tenant::default(), &Principal::new("p"), id);
    assert!(new(&"é".repeat(128)).is_ok());
    for bad in ["", "a\nb", "a\u{202e}", "\u{a0}", &"x".repeat(129)] {
        assert_eq!(new(bad), Err(SessionError::Id), "{bad:?}");
    }
}
