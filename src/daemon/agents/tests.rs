use tokio::sync::mpsc;
use zbus::{fdo, interface};

use super::*;
use crate::private_bus::PrivateBus;

/// Tells what it is asked. It answers a question for a password as its name says.
struct Told {
    heard: mpsc::UnboundedSender<String>,
    answer: Answer,
}

#[derive(Clone, Copy)]
enum Answer {
    Never,
    Declined,
    Empty,
    Typed,
}

#[interface(name = "org.oathd.Oathd1.Agent")]
impl Told {
    fn request_touch(&self, request: &str, _details: AgentRequest) {
        self.heard.send(format!("shown {request}")).unwrap();
    }

    async fn request_password(
        &self,
        request: &str,
        _details: AgentRequest,
    ) -> fdo::Result<OwnedFd> {
        self.heard.send(format!("asked {request}")).unwrap();
        match self.answer {
            Answer::Never => std::future::pending().await,
            Answer::Declined => Err(fdo::Error::Failed("declined".into())),
            Answer::Empty => Ok(OwnedFd::from(secret_fd::create(b"").unwrap())),
            Answer::Typed => Ok(OwnedFd::from(secret_fd::create(b"password").unwrap())),
        }
    }

    fn cancel_request(&self, request: &str, reason: &str) {
        self.heard.send(format!("{reason} {request}")).unwrap();
    }
}

/// The agents of uid 1: at `/agent` one that answers so, and after it those at `later`, where
/// nothing is but at `/declines`.
struct Desk {
    agents: Agents,
    heard: mpsc::UnboundedReceiver<String>,
    _theirs: Connection,
    _bus: PrivateBus,
}

async fn desk(answer: Answer, later: &[&str]) -> Desk {
    let bus = PrivateBus::start();
    let (ours, theirs) = (bus.connect().await, bus.connect().await);
    let (sender, heard) = mpsc::unbounded_channel();
    for (path, answer) in [("/agent", answer), ("/declines", Answer::Declined)] {
        let heard = sender.clone();
        let told = Told { heard, answer };
        let added = theirs.object_server().at(path, told).await.unwrap();
        assert!(added.is_none());
    }
    // A round trip, in which the object begins to be served.
    theirs.request_name("test.Agent").await.unwrap();
    let agents = Agents::new(ours);
    let caller = Caller {
        unique_name: theirs.unique_name().unwrap().clone(),
        uid: 1,
        pid: None,
    };
    for path in ["/agent"].iter().chain(later) {
        assert!(agents.register(&caller, (*path).try_into().unwrap()));
    }
    Desk {
        agents,
        heard,
        _theirs: theirs,
        _bus: bus,
    }
}

impl Desk {
    async fn password(&self) -> Option<Zeroizing<Vec<u8>>> {
        let deadline = Instant::now() + PASSWORD_WAIT;
        let details = AgentRequest::default();
        let asked = self.agents.password(1, details, 1, deadline);
        asked.await
    }
}

#[tokio::test]
async fn a_question_ends_with_its_caller() {
    let mut desk = desk(Answer::Never, &[]).await;
    let deadline = Instant::now() + PASSWORD_WAIT;
    let question = desk
        .agents
        .password(1, AgentRequest::default(), 1, deadline);
    let asked = tokio::select! {
        _ = question => panic!("nobody answers"),
        asked = desk.heard.recv() => asked.unwrap(),
    };
    let request = asked.strip_prefix("asked ").unwrap();
    let ended = desk.heard.recv().await.unwrap();
    assert_eq!(ended, format!("caller-gone {request}"));
}

#[tokio::test]
async fn one_that_is_gone_hides_no_other() {
    let mut desk = desk(Answer::Typed, &["/gone", "/gone/too"]).await;
    assert_eq!(desk.password().await.unwrap().as_slice(), b"password");
    assert!(desk.heard.recv().await.unwrap().starts_with("asked "));

    let shown = desk.agents.show_touch(1, AgentRequest::default()).unwrap();
    let told = desk.heard.recv().await.unwrap();
    let request = told.strip_prefix("shown ").unwrap();
    shown.end("done");
    assert_eq!(desk.heard.recv().await.unwrap(), format!("done {request}"));
}

#[tokio::test]
async fn what_is_no_secret_is_no_answer() {
    let desk = desk(Answer::Empty, &[]).await;
    assert!(desk.password().await.is_none());
}

#[tokio::test]
async fn nobody_else_is_asked_what_was_declined() {
    let mut desk = desk(Answer::Typed, &["/declines"]).await;
    assert!(desk.password().await.is_none());
    assert!(desk.heard.recv().await.unwrap().starts_with("asked "));
    assert!(desk.heard.try_recv().is_err());
}
