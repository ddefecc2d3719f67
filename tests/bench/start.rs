//! How soon oathd is there: from before the fork to its name on the bus, and to the first code.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use futures_util::StreamExt;
use oathd_client::Client;
use oathd_tests::world::{BOUND, User, eventually};
use rustix::process::{Pid, Signal, kill_process};
use zbus::fdo::{DBusProxy, NameOwnerChangedStream};

use crate::figure::Figure;
use crate::samples::Samples;
use crate::{Result, inside};

/// How oathd is started, here and for all other measurements.
pub(crate) const ARGUMENTS: [&str; 6] =
    ["--bus", "system", "--state", "/run/state", "--log", "warn"];

const RUNS: usize = 50;

pub(crate) async fn measure() -> Result<Vec<Figure>> {
    let (named, answered) = measure_with(&ARGUMENTS, RUNS, true).await?;
    Ok(vec![
        Figure::median("start_to_name_ms", &named).at_most(10.0),
        Figure::median("start_to_first_code_ms", &answered)
            .remark("the token is identified on the way"),
    ])
}

/// Starts oathd `runs` times: the times to its name, and to the first code where one is asked for.
pub(crate) async fn measure_with(
    arguments: &[&str],
    runs: usize,
    with_code: bool,
) -> Result<(Samples, Samples)> {
    let client = Client::system().await?;
    let bus = DBusProxy::new(client.connection()).await?;
    let name = (0, oathd_api::names::BUS_NAME);
    let mut changes = bus.receive_name_owner_changed_with_args(&[name]).await?;
    let (mut named, mut answered) = (Samples::default(), Samples::default());
    for warm in [false, true] {
        (named, answered) = Default::default();
        for _ in 0..if warm { runs } else { 3 } {
            let begun = Instant::now();
            let mut oathd = spawn(arguments)?;
            until(&mut changes, true).await?;
            named.push(begun.elapsed());
            let code = match with_code {
                true => eventually("code", async || code(&client).await.ok()).await,
                false => Ok(String::new()),
            };
            answered.push(begun.elapsed());
            let ended = end(&mut oathd);
            code?;
            ended?;
            until(&mut changes, false).await?;
        }
    }
    Ok((named, answered))
}

fn spawn(arguments: &[&str]) -> Result<Child> {
    let mut oathd = Command::new("/run/build/oathd");
    oathd.args(arguments);
    oathd.uid(User::Oathd.uid()).gid(User::Oathd.uid());
    oathd.stdin(Stdio::null());
    Ok(oathd.spawn()?)
}

fn end(oathd: &mut Child) -> Result<()> {
    kill_process(Pid::from_child(oathd), Signal::TERM)?;
    oathd.wait()?;
    Ok(())
}

/// Waits until the name has an owner, or none.
async fn until(changes: &mut NameOwnerChangedStream, owned: bool) -> Result<()> {
    let change = async {
        while let Some(change) = changes.next().await {
            if change.args()?.new_owner().is_some() == owned {
                return Ok(());
            }
        }
        Err("the bus went away".into())
    };
    tokio::time::timeout(BOUND, change)
        .await
        .map_err(|_| "oathd neither came nor went")?
}

/// What a program does that knows the credential's name alone.
async fn code(client: &Client) -> Result<String> {
    let (_, code) = client.find_code(&inside::query(), false).await?;
    Ok(code.code)
}
