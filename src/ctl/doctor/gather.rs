//! Where the facts come from: the bus, and what any program of this host may read. Nothing here waits
//! for long, whatever hangs.

mod bus;
mod host;

use std::future::Future;
use std::time::Duration;

use oathd_client::{Client, VerifyOptions};

use super::Facts;
use super::policy::Policy;
use crate::cli::Global;
use crate::failure::Failure;
use crate::session::Session;

/// How long one question may take.
const PART: Duration = Duration::from_secs(5);

/// How long oathd may take for what it looks into itself, a start of it included.
const DIAGNOSIS: Duration = Duration::from_secs(15);

/// Finds out what can be found out.
pub(crate) async fn gather(global: Global) -> Facts {
    let system = global.bus == "system";
    let (opened, host) = tokio::join!(soon(Session::open(global)), host::look());
    let mut facts = Facts {
        uid: rustix::process::getuid().as_raw(),
        late: host.late,
        scdaemon: host.scdaemon,
        hidepid: host.hidepid,
        logins: host.logins,
        ssh_key_suffices: host.ssh_key_suffices,
        ..Facts::default()
    };
    match opened {
        Some(Ok(session)) => {
            let client = session.client.without_interaction();
            ask(&client, &mut facts).await;
            if system {
                ask_system(&client, host.has_agent, &mut facts).await;
            }
        }
        Some(Err(Failure {
            message, remedy, ..
        })) => facts.service.failure = Some((message, remedy)),
        None => {
            facts.service.failure = Some((
                "The message bus does not answer.".to_owned(),
                "`systemctl status dbus.service`".to_owned(),
            ));
        }
    }
    facts
}

/// Asks oathd.
async fn ask(client: &Client, facts: &mut Facts) {
    let diagnosis = tokio::time::timeout(DIAGNOSIS, client.diagnose());
    match diagnosis.await {
        Ok(Ok(diagnosis)) => facts.diagnosis = Some(diagnosis),
        Ok(Err(error)) => {
            let failure = Failure::from(error);
            facts.service.failure = Some((failure.message, failure.remedy));
        }
        Err(_) => {
            facts.service.failure = Some((
                "oathd does not answer.".to_owned(),
                "`systemctl restart oathd.service`; its journal says what it waited for."
                    .to_owned(),
            ));
        }
    }
    let verifier = client.verifier();
    let options = VerifyOptions::default();
    let (version, status) =
        tokio::join!(soon(client.version()), soon(verifier.status("", &options)));
    facts.service.version = version.and_then(Result::ok);
    facts.status = status.and_then(Result::ok);
}

/// Asks the others on the system bus.
async fn ask_system(client: &Client, has_agent: bool, facts: &mut Facts) {
    let bus = client.connection();
    let policy = async {
        let known = soon(bus::knows_oathd(bus)).await.flatten();
        let codes = match facts.uid {
            0 => None,
            _ => soon(bus::may_have_codes(bus)).await.flatten(),
        };
        Policy {
            answers: known.is_some(),
            knows_oathd: known == Some(true),
            codes,
            has_agent,
        }
    };
    let (policy, synchronised, oathd, pcscd) = tokio::join!(
        policy,
        soon(bus::is_synchronised(bus)),
        soon(bus::unit(bus, "oathd.service")),
        soon(bus::unit(bus, "pcscd.socket")),
    );
    facts.policy = Some(policy);
    facts.synchronised = synchronised.flatten();
    facts.service.unit = oathd.flatten();
    facts.service.pcscd_socket = pcscd.flatten();
}

/// What `work` gives, if it does not take long.
async fn soon<T>(work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(PART, work).await.ok()
}
