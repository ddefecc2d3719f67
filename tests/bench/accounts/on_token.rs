//! Verifications of codes that a token computes, behind the real pcscd: what they take beyond a
//! program that asks another token of the kind for three codes.

use oathd_client::{Client, ConfirmOptions, EnrollOptions, Token, VerifyOptions, WriteOptions};
use oathd_oath::{Algorithm, Digits, Secret, code, otpauth};
use oathd_tests::world::eventually;

use crate::bare::Bare;
use crate::figure::Figure;
use crate::samples::Samples;
use crate::{NAME, Result, full_token};

/// The serial of the token that keeps the seeds of accounts; the other one has a password of
/// nobody's, and a credential for the bare program.
pub(super) const SERIAL: u32 = 22_222_222;
pub(super) const OTHER: u32 = 11_111_111;

/// Accounts on the token, beside what pairing keeps there.
const ACCOUNTS: usize = 60;
/// Seconds that must be left of a step for all that goes on within it.
const ROOM: u64 = 15;

struct Owner {
    account: String,
    seed: Secret,
}

/// As root, in the order: a code of each account, three codes of the other token.
pub(super) async fn measure() -> Result<Vec<Figure>> {
    let client = Client::system().await?;
    let find = async |serial: u32| {
        let found = async || client.find_token(&serial.to_string()).await.ok();
        eventually("token", found).await
    };
    full_token::add_one(&find(OTHER).await?).await?;
    let token = find(SERIAL).await?;
    token.pair().await?;
    let mut owners = Vec::new();
    for number in 0..ACCOUNTS {
        owners.push(enrol(&client, &token, number).await?);
    }
    let mut bare = Bare::new()?;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    let (verifier, options) = (client.verifier(), VerifyOptions::default());
    for ahead in [0, 1] {
        for owner in &owners {
            let step = step_with_room().await? + ahead;
            let typed = code_at(&owner.seed, step);
            let answer = verifier.verify(&owner.account, &typed, &options);
            ours.time_async(answer).await?;
            theirs.time(|| bare.codes(NAME, &[step - 1, step, step + 1]))?;
        }
    }
    let added = ours.median() - theirs.median();
    Ok(vec![
        Figure::new("verify_on_token_added_ms_p50", added, "ms", ours.len()).at_most(1.0),
        Figure::median("verify_on_token_ms_p50", &ours),
        Figure::median("bare_pcsc_3_codes_ms_p50", &theirs),
    ])
}

/// An account whose seed the token alone keeps; its present code is not used yet.
async fn enrol(client: &Client, token: &Token, number: usize) -> Result<Owner> {
    let account = format!("owner{number}@bench");
    let options = EnrollOptions {
        custody: Some("token".to_owned()),
        ..EnrollOptions::default()
    };
    let begun = client
        .accounts()
        .begin_enrollment(&account, &options)
        .await?;
    let options = WriteOptions {
        role: Some("verifier".to_owned()),
        ..WriteOptions::default()
    };
    begun.write(std::slice::from_ref(token), &options).await?;
    let seed = otpauth::parse(&begun.reveal().await?)?.secret;
    let typed = code_at(&seed, step_with_room().await? - 1);
    begun.confirm(&typed, &ConfirmOptions::default()).await?;
    Ok(Owner { account, seed })
}

fn code_at(seed: &Secret, step: u64) -> String {
    code::hotp(seed, Algorithm::Sha1, Digits::Six, step)
}

/// The present step, or the next one when this one is about to end.
async fn step_with_room() -> Result<u64> {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
    let left = 30 - now % 30;
    if left >= ROOM {
        return Ok(now / 30);
    }
    tokio::time::sleep(std::time::Duration::from_secs(left)).await;
    Ok(now / 30 + 1)
}
