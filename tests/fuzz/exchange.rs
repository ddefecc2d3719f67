//! The owner of a token against a card and a reader that misbehave.

mod reader;

use std::{
    sync::{Arc, mpsc::RecvTimeoutError},
    time::Duration,
};

use oathd_oath::{Algorithm, CredentialId, Digits, Kind, NewCredential, Period, Secret, code};
use oathd_token::{
    Access, AccessKey, AddOptions, Code, CodeRequest, Form, Hub, PickRequest, Settings, Steps,
    StepsRequest, Token, TokenError, TouchPolicy,
};

use self::reader::FuzzedReader;
use super::Input;

/// The moment that codes are for.
const AT: u64 = 1_111_111_111;
/// So long that only a request that hangs reaches it.
const NEVER: Duration = Duration::from_secs(300);
/// The key of a protected token, and one that opens none.
const KEYS: [[u8; 16]; 2] = [[7; 16], [8; 16]];
/// The most operations on one token.
const MOST_OPERATIONS: u8 = 8;

/// Works with a token whose answers the input alters:
/// `[profile, protected, key u8][count u8][operation u8]…[alteration]…`. Every request has an
/// answer, what is answered as a code looks like one, and as long as nothing was altered the code
/// is right and nobody is told nonsense. When the hub is gone, so are its threads.
pub fn exchange(bytes: &[u8]) {
    let mut input = Input(bytes);
    let choice = input.byte().unwrap_or_default();
    let count = input.byte().unwrap_or_default() % (MOST_OPERATIONS + 1);
    let operations = input.take(count.into());
    let protected = choice & 4 != 0;
    let (reader, released) = FuzzedReader::new(choice, protected, input.0);
    let access: Access = match choice >> 3 & 3 {
        0 => None,
        wrong_or_right => {
            AccessKey::from_bytes(&KEYS[usize::from(wrong_or_right % 2)]).map(Arc::new)
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let settings = Settings {
            busy_deadline: NEVER,
            call_deadline: NEVER,
            touch_hint: NEVER,
            ..Settings::default()
        };
        let entropy = Arc::new(|bytes: &mut [u8]| bytes.fill(0x5a));
        let (hub, mut events) = Hub::new(Arc::new(reader.clone()), settings, entropy);
        for operation in operations {
            if operation % 14 == 13 {
                hub.release().await;
                continue;
            }
            let Some(token) = first(&hub).await else {
                break;
            };
            let outcome = perform(*operation, &token, access.clone()).await;
            match outcome {
                Ok(Some(code)) => looks_right(*operation, &code, reader.altered()),
                Ok(None) => {}
                Err(error) => is_answered(&error, reader.altered()),
            }
            while events.try_recv().is_ok() {}
        }
    });
    drop(reader);
    let ended = released.recv_timeout(NEVER);
    assert_eq!(
        ended,
        Err(RecvTimeoutError::Disconnected),
        "a thread is left"
    );
}

async fn first(hub: &Hub) -> Option<Token> {
    match hub.tokens().await {
        Ok(tokens) => tokens.into_iter().next(),
        Err(TokenError::ServiceUnavailable { .. }) => None,
        Err(error) => panic!("tokens cannot be asked for: {error}"),
    }
}

/// The longest name that every stored credential has room for: all of them do not fit one answer.
const NAME: &str = "a name as long as the ids of tokens with an issuer permit.";

/// What the token holds when it is new.
fn stored() -> [NewCredential; 4] {
    let credential = |issuer: &str, kind, algorithm, digits| NewCredential {
        issuer: Some(issuer.to_owned()),
        name: NAME.to_owned(),
        kind,
        algorithm,
        digits,
        counter: 0,
        secret: Secret::new(b"12345678901234567890".to_vec()).unwrap(),
    };
    let minute = Kind::Totp {
        period: Period::from_seconds(60).unwrap(),
    };
    [
        credential("T", Kind::TOTP, Algorithm::Sha1, Digits::Six),
        credential("M", minute, Algorithm::Sha256, Digits::Eight),
        credential("H", Kind::Hotp, Algorithm::Sha1, Digits::Seven),
        credential("Steam", Kind::TOTP, Algorithm::Sha1, Digits::Six),
    ]
}

async fn perform(operation: u8, token: &Token, access: Access) -> Result<Option<Code>, TokenError> {
    let ids: Vec<CredentialId> = stored().iter().map(|c| c.id().unwrap()).collect();
    match operation % 14 {
        which @ 0..=3 if operation >= 0x80 => {
            let id = ids[usize::from(which)].clone();
            let request = PickRequest {
                pick: Box::new(move |all| all.iter().any(|one| one.id == id).then(|| id.clone())),
                at: AT,
                touch: false,
            };
            token.pick_code(access, request).await
        }
        which @ 0..=3 => {
            let request = CodeRequest {
                id: ids[usize::from(which)].clone(),
                at: AT,
                touch: TouchPolicy::Allow(Box::new(|_| ())),
            };
            token.code(access, request).await.map(Some)
        }
        4 if operation >= 0x80 => {
            let request = StepsRequest {
                id: ids[usize::from(operation % 4)].clone(),
                steps: Steps::new(vec![0, u64::MAX, 1]).unwrap(),
                form: if operation % 8 < 4 {
                    Form::Code
                } else {
                    Form::Hmac
                },
                touch: TouchPolicy::Refuse,
            };
            let answers = token.steps(access, request).await?;
            assert_eq!(answers.len(), 3);
            Ok(None)
        }
        4 => token.list(access).await.map(|_| None),
        5 => token.codes(access, AT).await.map(|_| None),
        6 | 7 => {
            let [credential, ..] = stored();
            let credential = Arc::new(NewCredential {
                name: "added".to_owned(),
                ..credential
            });
            let options = AddOptions {
                touch: operation % 14 == 6,
                overwrite: operation >= 0x80,
            };
            token.add(access, credential, options).await.map(|_| None)
        }
        8 => {
            let name = if operation >= 0x80 { NAME } else { "renamed" };
            let renamed = token.rename(
                access,
                ids[1].clone(),
                Some("T".to_owned()),
                name.to_owned(),
            );
            renamed.await.map(|_| None)
        }
        9 => token.remove(access, ids[1].clone()).await.map(|()| None),
        10 => {
            let key = AccessKey::from_bytes(&KEYS[1]).map(Arc::new).unwrap();
            token.set_key(access, key).await.map(|()| None)
        }
        11 => token.clear_key(access).await.map(|()| None),
        _ if operation >= 0x80 => token.reset().await.map(|()| None),
        _ => token.usage(access).await.map(|_| None),
    }
}

fn looks_right(operation: u8, code: &Code, altered: bool) {
    let credential = &stored()[usize::from(operation % 14)];
    let steam = credential.is_steam();
    let typed = |c: u8| c.is_ascii_digit() || steam && c.is_ascii_uppercase();
    let lengths = if steam { 5..=5 } else { 6..=8 };
    assert!(lengths.contains(&code.text.len()) && code.text.bytes().all(typed));
    assert!(code.from <= AT && code.until.is_none_or(|until| AT < until));
    if altered {
        return;
    }
    if let Kind::Totp { period } = credential.kind {
        let (secret, algorithm) = (&credential.secret, credential.algorithm);
        let mac = code::mac(secret, algorithm, period.step(AT));
        let number = code::truncate(&mac).unwrap();
        let right = match steam {
            true => code::steam(number),
            false => code::decimal(number, credential.digits),
        };
        assert_eq!(*code.text, right);
        let (from, until) = period.window(AT);
        assert_eq!((code.from, code.until), (from, Some(until)));
    }
}

fn is_answered(error: &TokenError, altered: bool) {
    match error {
        TokenError::Busy | TokenError::TimedOut => panic!("no answer: {error}"),
        TokenError::Protocol(_)
        | TokenError::ServiceUnavailable { .. }
        | TokenError::Removed
        | TokenError::Interrupted
        | TokenError::CredentialDamaged
        | TokenError::TouchTimedOut => assert!(altered, "told of an honest card: {error}"),
        _ => {}
    }
}
