//! Durable verifications over the bus, as the service of the realm asks for them.

use std::time::Instant;

use futures_util::future::join_all;
use oathd_client::{Client, Verifier, VerifyOptions};

use super::plant::{account, present_code};
use crate::Result;
use crate::figure::Figure;
use crate::samples::Samples;

/// Programs that ask at the same time.
const CLIENTS: u32 = 32;
/// How many answers each of them waits for, one after the other.
const EACH: u32 = 500;
/// The distance of their accounts.
const APART: u32 = 10;

/// One client, one account after the other: `count` of them from `first` on, `apart` from one
/// another, each with its code of the step that is `ahead`.
pub(super) async fn one(first: u32, apart: u32, count: u32, ahead: i64) -> Result<Vec<Figure>> {
    let verifier = Client::system().await?.verifier();
    let mut times = Samples::default();
    for number in (0..count).map(|index| first + index * apart) {
        let code = present_code(number, ahead)?;
        let answer = accept(&verifier, number, &code);
        times.time_async(answer).await?;
    }
    Ok(vec![Figure::median("verify_ms_p50", &times)])
}

/// Many clients at once, each with accounts of its own: answers in a second.
pub(super) async fn many(round: u32) -> Result<Vec<Figure>> {
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let first = round * CLIENTS * EACH + number * EACH;
        let mut work = Vec::new();
        for number in (first..first + EACH).map(|index| index * APART + 7) {
            work.push((number, present_code(number, 0)?));
        }
        clients.push((Client::system().await?.verifier(), work));
    }
    let begun = Instant::now();
    let all = clients.into_iter().map(async |(verifier, work)| {
        for (number, code) in work {
            accept(&verifier, number, &code).await?;
        }
        Result::Ok(())
    });
    join_all(all).await.into_iter().collect::<Result<()>>()?;
    let asked = CLIENTS * EACH;
    let rate = f64::from(asked) / begun.elapsed().as_secs_f64();
    Ok(vec![Figure::new(
        "verify_per_s",
        rate,
        "1/s",
        asked as usize,
    )])
}

async fn accept(verifier: &Verifier, number: u32, code: &str) -> Result<()> {
    let options = VerifyOptions::default();
    verifier.verify(&account(number), code, &options).await?;
    Ok(())
}
