//! What runs within the world, each task in a process of its own.

use std::time::Duration;

use oathd_client::{Client, CredentialQuery, Token};
use oathd_tests::world::eventually;

use crate::figure::Figure;
use crate::samples::Samples;
use crate::{NAME, Result, full_token, over_pcsc, programs, start};

const PASSWORD: &[u8] = b"correct horse";

/// Longer than oathd keeps its connection to pcscd.
const PAUSE: Duration = Duration::from_secs(6);
const PAUSES: usize = 5;

/// A client that stays connected, and the token before it.
pub(crate) struct Desk {
    pub(crate) client: Client,
    pub(crate) token: Token,
}

/// Runs the task of that name.
pub(crate) fn run(task: &str) -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        if task == "start" {
            return start::measure().await;
        }
        let desk = Desk::sit_down().await?;
        let token = &desk.token;
        match task {
            "one-credential" => full_token::add_one(token).await?,
            "fill" => full_token::fill(token).await?,
            "set-password" => token.set_password(PASSWORD, true).await?,
            "clear-password" => token.clear_password().await?,
            "code" => drop(token.code(NAME, false).await?),
            "code-by-name" => drop(desk.client.find_code(&query(), false).await?),
            "codes" => drop(token.codes(false).await?),
            "programs" => return programs::measure(&desk),
            "over-pcsc" => return over_pcsc::measure(&desk).await,
            "after-a-pause" => return after_a_pause(token).await,
            "full-token" => return full_token::measure(&desk).await,
            other => return Err(format!("no task {other}").into()),
        }
        Ok(Vec::new())
    })
}

impl Desk {
    async fn sit_down() -> Result<Self> {
        let client = Client::system().await?;
        let token = eventually("token", async || client.find_token("").await.ok()).await?;
        Ok(Self { client, token })
    }
}

/// The search for the credential.
pub(crate) fn query() -> CredentialQuery {
    CredentialQuery {
        text: Some(NAME.to_owned()),
        ..CredentialQuery::default()
    }
}

/// A code when oathd has let go of pcscd since the last one.
async fn after_a_pause(token: &Token) -> Result<Vec<Figure>> {
    let mut times = Samples::default();
    token.code(NAME, false).await?;
    for _ in 0..PAUSES {
        tokio::time::sleep(PAUSE).await;
        times.time_async(token.code(NAME, false)).await?;
    }
    Ok(vec![
        Figure::median("code_after_a_pause_ms", &times).remark("connects to pcscd again"),
    ])
}
