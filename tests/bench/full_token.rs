//! Lists and codes of a token with 64 credentials, and the filling of it.

use oathd_client::{AddOptions, Token};

use crate::figure::Figure;
use crate::inside::Desk;
use crate::samples::Samples;
use crate::{NAME, Result};

/// What a YubiKey 5.7 holds.
const CAPACITY: usize = 64;
const RUNS: usize = 200;

pub(crate) async fn measure(desk: &Desk) -> Result<Vec<Figure>> {
    fill(&desk.token).await?;
    let (mut listing, mut computing) = (Samples::default(), Samples::default());
    for _ in 0..RUNS {
        let listed = listing.time_async(desk.token.credentials(false)).await?;
        let computed = computing.time_async(desk.token.codes(false)).await?;
        let codes = computed.iter().filter(|row| row.code.is_some()).count();
        if (listed.len(), codes) != (CAPACITY, CAPACITY) {
            return Err(format!("{} listed, {codes} computed", listed.len()).into());
        }
    }
    Ok(vec![
        Figure::median("list_64_ms_p50", &listing),
        Figure::median("codes_64_ms_p50", &computing),
    ])
}

/// Adds the one credential of the other measurements.
pub(crate) async fn add_one(token: &Token) -> Result<()> {
    let (issuer, name) = NAME.split_once(':').unwrap_or(("", NAME));
    add(token, issuer, name).await
}

/// Adds others until the token is full.
pub(crate) async fn fill(token: &Token) -> Result<()> {
    for number in token.credentials(false).await?.len()..CAPACITY {
        add(token, &format!("Issuer {number:02}"), "alice@example.org").await?;
    }
    Ok(())
}

async fn add(token: &Token, issuer: &str, name: &str) -> Result<()> {
    let options = AddOptions {
        issuer: Some(issuer.to_owned()),
        name: Some(name.to_owned()),
        ..AddOptions::default()
    };
    token.add(b"12345678901234567890", &options).await?;
    Ok(())
}
