//! Proves: an enrollment changes nothing of its account until a code confirms it, and then all at
//! once: the factor, recovery codes, the end of sessions and the API key. The code must come from
//! every slot that was written, is used from then on, and is looked at five times at the most. The
//! seed is handed out once, to the connection that began.
//! Does not prove: what becomes of an enrollment that is not confirmed.

use std::sync::Arc;

use oathd_api::names::{ACCOUNTS_INTERFACE, ENROLLMENT_INTERFACE, ROOT_PATH};
use oathd_api::wire::account::EnrollOptions;
use oathd_api::wire::enrollment::{ConfirmOptions, ConfirmedRecord, WriteOptions};
use oathd_client::{Client, Enrollment, ErrorName, Token, VerifyOptions};
use oathd_daemon::clock::ManualClock;
use oathd_oath::Period;
use oathd_tests::world::User;
use zbus::ObjectPath;

use crate::desk::{Desk, cause, refused, several};
use crate::holder::{
    Authenticator, CAROL, DAVE, SERVICE, config, counting, describe, enrol, lines, memory, near,
    nothing, prove, verify,
};
use crate::near::Near;
use crate::raw;

async fn begin(client: &Client, options: &EnrollOptions) -> Enrollment {
    let accounts = client.accounts();
    accounts.begin_enrollment(CAROL, options).await.unwrap()
}

async fn confirm(
    enrollment: &Enrollment,
    code: &str,
) -> Result<ConfirmedRecord, oathd_client::Error> {
    enrollment.confirm(code, &ConfirmOptions::default()).await
}

#[tokio::test]
async fn all_at_once() {
    let near = near().await;
    let client = near.client(SERVICE).await;
    let enrollment = begin(&client, &counting(nothing())).await;
    let before = describe(&client, CAROL).await;
    assert!(!before.enrolled && before.factors.is_empty());
    assert_eq!(
        cause(confirm(&enrollment, "123456").await),
        ErrorName::NotEnrolled
    );

    let mut authenticator = Authenticator::scan(&enrollment.reveal().await.unwrap());
    assert_eq!(cause(enrollment.reveal().await), ErrorName::Unsupported);
    let told = enrollment.describe().await.unwrap();
    assert_eq!((told.account.as_str(), told.kind.as_str()), (CAROL, "hotp"));
    assert_eq!((told.tries_left, told.revealed), (5, true));
    for nonsense in ["", "12345", "abc", "?", "123456 654321"] {
        let refused = confirm(&enrollment, nonsense).await;
        assert_eq!(cause(refused), ErrorName::InvalidResponse);
    }
    let (name, details) = refused(confirm(&enrollment, &authenticator.wrong()).await);
    assert_eq!((name, details.tries_left), (ErrorName::WrongCode, Some(4)));
    assert_eq!(describe(&client, CAROL).await, before);

    let code = authenticator.next();
    let confirmed = confirm(&enrollment, &code).await.unwrap();
    let codes = lines(confirmed.recovery_codes.as_ref());
    assert_eq!((confirmed.factors.len(), codes.len()), (1, 10));
    assert!(confirmed.api_key.is_none());
    let told = describe(&client, CAROL).await;
    assert!(told.enrolled && !told.must_reenrol);
    let factor = &told.factors[0];
    assert_eq!(factor.id, confirmed.factors[0]);
    assert_eq!(
        (factor.custody.as_str(), factor.state.as_str()),
        ("sealed", "active")
    );
    assert_eq!(told.recovery.unwrap().left, 10);

    // It is over, and its code used.
    assert!(enrollment.describe().await.is_err());
    assert_eq!(
        cause(verify(&client, CAROL, &code, "shop").await),
        ErrorName::CodeUsed
    );
    let code = authenticator.next();
    let receipt = verify(&client, CAROL, &code, "shop").await.unwrap();
    assert_eq!(
        (receipt.way.as_str(), receipt.factor),
        ("code", Some(factor.id))
    );
    let receipt = verify(&client, CAROL, &codes[3], "shop").await.unwrap();
    assert_eq!(receipt.way, "recovery");
}

#[tokio::test]
async fn whatever_its_parameters() {
    let clock = Arc::new(ManualClock::new(1_800_000_000));
    let near = Near::at(&clock, config()).await;
    let client = near.client(SERVICE).await;
    let (algorithms, digits, periods) = (["SHA1", "SHA256", "SHA512"], [6, 7, 8], [15, 30, 60]);
    for (number, algorithm) in algorithms.into_iter().enumerate() {
        let (digits, period) = (digits[number], periods[number]);
        let account = format!("user{number}@shop");
        let options = EnrollOptions {
            algorithm: Some(algorithm.to_owned()),
            digits: Some(digits),
            period: Some(period),
            label: Some("phone".to_owned()),
            role: Some("backup".to_owned()),
            not_after: Some(2_000_000_000),
            issuer: Some("Shop".to_owned()),
            ..EnrollOptions::default()
        };
        let accounts = client.accounts();
        let begun = accounts.begin_enrollment(&account, &options).await;
        let enrollment = begun.unwrap();
        let address = enrollment.reveal().await.unwrap();
        assert!(address.starts_with("otpauth://totp/Shop:"), "issuer");
        let authenticator = Authenticator::scan(&address);
        let step = 1_800_000_000 / u64::from(period);
        let code = authenticator.code_of(step);
        assert_eq!(u32::try_from(code.len()), Ok(digits));
        confirm(&enrollment, &code).await.unwrap();
        let factor = describe(&client, &account).await.factors.remove(0);
        assert_eq!(
            (factor.algorithm.as_str(), factor.digits),
            (algorithm, digits)
        );
        assert_eq!(
            (factor.period, factor.label.as_str()),
            (Some(period), "phone")
        );
        assert_eq!(
            (factor.role.as_str(), factor.not_after),
            ("backup", Some(2_000_000_000))
        );
        let next = authenticator.code_of(step + 1);
        verify(&client, &account, &next, "shop").await.unwrap();
    }
}

#[tokio::test]
async fn the_fifth_wrong_code_ends_it() {
    let near = near().await;
    let client = near.client(SERVICE).await;
    let enrollment = begin(&client, &counting(nothing())).await;
    let mut authenticator = Authenticator::scan(&enrollment.reveal().await.unwrap());
    for left in (1..5).rev() {
        let (name, details) = refused(confirm(&enrollment, &authenticator.wrong()).await);
        assert_eq!(
            (name, details.tries_left),
            (ErrorName::WrongCode, Some(left))
        );
    }
    let last = confirm(&enrollment, &authenticator.wrong()).await;
    assert_eq!(cause(last), ErrorName::EnrollmentExpired);
    assert!(confirm(&enrollment, &authenticator.next()).await.is_err());
    assert!(!describe(&client, CAROL).await.enrolled);
}

#[tokio::test]
async fn nobody_elses_connection_takes_part() {
    let near = near().await;
    let service = near.world.connect(SERVICE).await.unwrap();
    let accounts = (ROOT_PATH, ACCOUNTS_INTERFACE);
    let body = (CAROL, raw::Options::new());
    let begun = raw::call(&service, accounts, "BeginEnrollment", &body).await;
    let begun = begun.unwrap().body();
    let path: ObjectPath<'_> = begun.deserialize().unwrap();
    let enrollment = (path.as_str(), ENROLLMENT_INTERFACE);
    for user in [SERVICE, User::Root, User::Bob] {
        let other = near.world.connect(user).await.unwrap();
        for member in ["Describe", "Reveal"] {
            let body = raw::Options::new();
            let refused = raw::refused(&other, enrollment, member, &body).await;
            assert_eq!(refused, ErrorName::NotAuthorized.bus_name());
        }
        let refused = raw::refused(&other, enrollment, "Cancel", &()).await;
        assert_eq!(refused, ErrorName::NotAuthorized.bus_name());
    }
    raw::call(&service, enrollment, "Reveal", &raw::Options::new())
        .await
        .unwrap();
}

#[tokio::test]
async fn what_was_granted_before_ends_with_it() {
    let near = near().await;
    let client = near.client(SERVICE).await;
    let accounts = client.accounts();
    let none = nothing();
    let keep = accounts.begin_session(CAROL, &none).await.unwrap();
    for _ in 0..2 {
        accounts.begin_session(CAROL, &none).await.unwrap();
    }
    let key = accounts.new_api_key(CAROL, &none).await.unwrap();
    let other_key = accounts.new_api_key(DAVE, &none).await.unwrap();
    let enrollment = begin(&client, &counting(nothing())).await;
    let mut authenticator = Authenticator::scan(&enrollment.reveal().await.unwrap());
    let options = ConfirmOptions {
        keep: Some(memory(&keep)),
        recovery_codes: Some(false),
    };
    let code = authenticator.next();
    let confirmed = enrollment.confirm(&code, &options).await.unwrap();
    assert_eq!(confirmed.ended_sessions, 2);
    assert!(confirmed.recovery_codes.is_none());
    let new_key = oathd_daemon::secret_fd::read(confirmed.api_key.unwrap()).unwrap();
    let verifier = client.verifier();
    verifier.check_session(CAROL, &keep).await.unwrap();
    assert_eq!(accounts.sessions(CAROL).await.unwrap().len(), 1);
    assert!(verifier.check_api_key(CAROL, &key).await.is_err());
    verifier.check_api_key(CAROL, &new_key).await.unwrap();
    verifier.check_api_key(DAVE, &other_key).await.unwrap();
}

#[tokio::test]
async fn a_second_factor_stands_beside_the_first_or_in_its_place() {
    let near = near().await;
    let client = near.client(SERVICE).await;
    let (mut first, confirmed) = enrol(&client, CAROL, nothing()).await;
    let one = confirmed.factors[0];
    let proof = prove(&client, CAROL, &first.next()).await;
    let (mut second, confirmed) = enrol(&client, CAROL, proof).await;
    // The codes that are there stay.
    assert!(confirmed.recovery_codes.is_none());
    let two = confirmed.factors[0];
    assert_eq!(describe(&client, CAROL).await.factors.len(), 2);

    let accounts = client.accounts();
    let proof = prove(&client, CAROL, &second.next()).await;
    let options = counting(proof);
    let begun = accounts.begin_replacement(CAROL, one, &options).await;
    let enrollment = begun.unwrap();
    let mut third = Authenticator::scan(&enrollment.reveal().await.unwrap());
    // Until then the old one works.
    let granted = verify(&client, CAROL, &first.next(), "shop").await.unwrap();
    let confirmed = confirm(&enrollment, &third.next()).await.unwrap();
    let shop = VerifyOptions {
        service: Some("shop".to_owned()),
        ..VerifyOptions::default()
    };
    let verifier = client.verifier();
    let redeemed = verifier.check_receipt(CAROL, &granted.receipt, &shop).await;
    assert_eq!(cause(redeemed), ErrorName::ProofRequired);
    let ids = describe(&client, CAROL).await.factors;
    let ids: Vec<u32> = ids.iter().map(|factor| factor.id).collect();
    assert_eq!(ids, [two, confirmed.factors[0]]);
    assert!(verify(&client, CAROL, &first.next(), "shop").await.is_err());
    verify(&client, CAROL, &third.next(), "shop").await.unwrap();
    let proof = prove(&client, CAROL, &third.next()).await;
    let options = counting(proof);
    let begun = accounts.begin_replacement(CAROL, 99, &options).await;
    assert_eq!(cause(begun), ErrorName::NoSuchFactor);
}

/// The time step of now.
fn step() -> u64 {
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    Period::DEFAULT.step(now.as_secs())
}

fn role(role: &str) -> WriteOptions {
    WriteOptions {
        role: Some(role.to_owned()),
        ..WriteOptions::default()
    }
}

/// Tokens, the client of root, and an enrollment of Carol's.
async fn with_tokens(custody: &str, count: u32) -> (Desk, Client, Vec<Token>, Enrollment) {
    let desk = Desk::configured(several(count), |readers| Arc::new(readers), config()).await;
    let client = desk.client().await;
    let mut tokens = Vec::new();
    for number in 0..usize::try_from(count).unwrap() {
        tokens.push(desk.find(&client, number).await);
    }
    let options = EnrollOptions {
        custody: Some(custody.to_owned()),
        ..EnrollOptions::default()
    };
    let enrollment = begin(&client, &options).await;
    (desk, client, tokens, enrollment)
}

#[tokio::test]
async fn a_seed_on_tokens_is_on_all_of_them() {
    let (_desk, client, tokens, enrollment) = with_tokens("sealed", 2).await;
    let written = enrollment.write(&tokens, &WriteOptions::default()).await;
    written.unwrap();
    let again = enrollment.write(&tokens, &WriteOptions::default()).await;
    assert_eq!(cause(again), ErrorName::CredentialExists);
    let refused = enrollment.write(&tokens, &role("verifier")).await;
    assert_eq!(cause(refused), ErrorName::Unsupported);
    let told = enrollment.describe().await.unwrap();
    assert_eq!(told.written.len(), 2);
    let id = told.written[0].credential.clone();
    assert_eq!(id, "shop:carol");
    let codes = [
        tokens[0].code(&id, false).await.unwrap(),
        tokens[1].code(&id, false).await.unwrap(),
    ];
    // One slot that gives other codes than the rest refuses all.
    tokens[1].remove(&id).await.unwrap();
    let other = oathd_client::AddOptions {
        issuer: Some("shop".to_owned()),
        name: Some("carol".to_owned()),
        ..Default::default()
    };
    tokens[1].add(crate::desk::SEED, &other).await.unwrap();
    let (name, details) = refused_by(&enrollment, &codes[0].code).await;
    assert_eq!(name, ErrorName::TokenFault);
    assert_eq!(details.tokens.unwrap().len(), 1);
    tokens[1].remove(&id).await.unwrap();
    assert_eq!(
        refused_by(&enrollment, &codes[0].code).await.0,
        ErrorName::NoSuchCredential
    );
    assert!(!describe(&client, CAROL).await.enrolled);
}

async fn refused_by(
    enrollment: &Enrollment,
    code: &str,
) -> (ErrorName, oathd_client::ErrorDetails) {
    refused(confirm(enrollment, code).await)
}

#[tokio::test]
async fn a_verifier_slot_is_kept_on_a_paired_token_and_shown_to_nobody() {
    let (_desk, client, tokens, enrollment) = with_tokens("token", 2).await;
    let verifier = role("verifier");
    let unpaired = enrollment.write(&tokens, &verifier).await;
    assert_eq!(cause(unpaired), ErrorName::PasswordRequired);
    for token in &tokens {
        token.pair().await.unwrap();
    }
    enrollment.write(&tokens, &verifier).await.unwrap();
    let address = enrollment.reveal().await.unwrap();
    let authenticator = Authenticator::scan(&address);
    let told = enrollment.describe().await.unwrap();
    let slot = told.written[0].credential.clone();
    for token in &tokens {
        assert_eq!(token.credentials(false).await.unwrap(), []);
        let code = token.code(&slot, false).await;
        assert_eq!(cause(code), ErrorName::NoSuchCredential);
    }
    let wrong = confirm(&enrollment, &authenticator.code_of(5)).await;
    assert_eq!(cause(wrong), ErrorName::WrongCode);
    let code = authenticator.code_of(step());
    let confirmed = confirm(&enrollment, &code).await.unwrap();
    assert_eq!(confirmed.factors.len(), 2);
    let told = describe(&client, CAROL).await;
    assert!(
        told.factors
            .iter()
            .all(|f| f.custody == "token" && f.presence)
    );
    let used = verify(&client, CAROL, &code, "shop").await;
    assert_eq!(cause(used), ErrorName::CodeUsed);
    let next = authenticator.code_of(step() + 1);
    verify(&client, CAROL, &next, "shop").await.unwrap();
}
