//! Whether the time of an answer tells if there is such an account: a wrong code at accounts that
//! exist and at names that nobody has, in an order that chance gives, none of them asked twice.

use std::hash::{BuildHasher, RandomState};

use oathd_client::{Client, ErrorName, VerifyOptions};

use super::plant::{account, present_code};
use crate::Result;
use crate::figure::Figure;
use crate::samples::Samples;

/// How many calls, and which accounts they are about: the first one, and how far they are apart.
pub(super) const CALLS: &str = "10000";
pub(super) const FIRST: &str = "9";
pub(super) const APART: &str = "50";

/// Calls that took longer than this part of all are left out: they tell of the machine.
const KEPT_PERCENT: usize = 90;
/// Of |t|, above which a difference is taken for one: that of ISO/IEC 17825.
const LIMIT: f64 = 4.5;

pub(super) async fn measure(first: u32, apart: u32, calls: u32) -> Result<Vec<Figure>> {
    let verifier = Client::system().await?.verifier();
    let (mut known, mut unknown) = (Samples::default(), Samples::default());
    let chance = RandomState::new();
    for index in 0..calls {
        let exists = chance.hash_one(index) % 2 == 0;
        let number = first + index * apart;
        let name = match exists {
            true => account(number),
            // Among the others in the order of names, and as long.
            false => account(number).replace("9@", "x@"),
        };
        let right = (-1..=2).map(|ahead| present_code(number, ahead));
        let right = right.collect::<Result<Vec<_>>>()?;
        let mut candidates = (0..5).map(|code| format!("{code:06}"));
        let wrong = candidates.find(|code| !right.contains(code));
        let wrong = wrong.unwrap_or_default();
        let options = VerifyOptions::default();
        let times = if exists { &mut known } else { &mut unknown };
        let answer = times.time_async(verifier.verify(&name, &wrong, &options));
        match answer.await {
            Err(error) if error.is(ErrorName::WrongCode) => {}
            other => return Err(format!("{name}: {other:?}").into()),
        }
    }
    let limit = known.merged(&unknown).percentile(KEPT_PERCENT);
    let t = welch(&known.below(limit), &unknown.below(limit)).abs();
    let remark = format!(
        "known {:.4} ms, unknown {:.4} ms at the median; the slowest {} % left out",
        known.median(),
        unknown.median(),
        100 - KEPT_PERCENT,
    );
    let figure = Figure::new("verify_timing_t", t, "|t|", calls as usize);
    Ok(vec![figure.at_most(LIMIT).remark(&remark)])
}

/// Welch's t of two samples.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let moments = |sample: &[f64]| {
        let count = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / count;
        let squares = sample.iter().map(|value| (value - mean).powi(2));
        (mean, squares.sum::<f64>() / (count - 1.0) / count)
    };
    let ((mean, error), (other_mean, other_error)) = (moments(one), moments(other));
    (mean - other_mean) / (error + other_error).sqrt()
}
