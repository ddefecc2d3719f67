//! With a polkit of our own on a private bus. What the real one makes of the policy file is not
//! shown here.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tokio::sync::Notify;
use zbus::fdo;

use super::*;
use crate::{authority::Authorizer, identity::Callers, private_bus::PrivateBus};

/// What the authority answers: authorized, challenge; `None` for never.
type Verdict = Option<(bool, bool)>;

#[derive(Clone, Debug, PartialEq)]
struct Asked {
    kind: String,
    action: String,
    details: BTreeMap<String, String>,
    flags: u32,
    id: String,
}

#[derive(Clone, Default)]
struct FakePolkit {
    verdict: Arc<Mutex<Verdict>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    arrived: Arc<Notify>,
    cancelled: Arc<Mutex<Vec<String>>>,
    cancellation: Arc<Notify>,
    registered: Arc<Mutex<Vec<&'static str>>>,
}

/// An action as polkit describes it.
type Described = (
    String,
    String,
    String,
    String,
    String,
    String,
    u32,
    u32,
    u32,
    HashMap<String, String>,
);

#[zbus::interface(name = "org.freedesktop.PolicyKit1.Authority")]
impl FakePolkit {
    async fn check_authorization(
        &self,
        subject: Subject,
        action: String,
        details: BTreeMap<String, String>,
        flags: u32,
        id: String,
    ) -> fdo::Result<(bool, bool, HashMap<String, String>)> {
        self.asked.lock().unwrap().push(Asked {
            kind: subject.kind().to_owned(),
            action,
            details,
            flags,
            id,
        });
        self.arrived.notify_one();
        let verdict = *self.verdict.lock().unwrap();
        match verdict {
            Some((authorized, challenge)) => Ok((authorized, challenge, HashMap::new())),
            None => {
                self.cancellation.notified().await;
                Err(fdo::Error::Failed("cancelled".to_owned()))
            }
        }
    }

    fn enumerate_actions(&self, _locale: String) -> Vec<Described> {
        let registered = self.registered.lock().unwrap();
        let text = String::new;
        let described = |id: &&str| {
            let (id, defaults) = ((*id).to_owned(), HashMap::new());
            (
                id,
                text(),
                text(),
                text(),
                text(),
                text(),
                0,
                0,
                5,
                defaults,
            )
        };
        registered.iter().map(described).collect()
    }

    fn cancel_check_authorization(&self, id: String) {
        self.cancelled.lock().unwrap().push(id);
        self.cancellation.notify_waiters();
        self.cancellation.notify_one();
    }
}

struct Scene {
    fake: FakePolkit,
    authorizer: Authorizer,
    caller: Caller,
    _connections: [Connection; 3],
    _bus: PrivateBus,
}

impl Scene {
    /// A caller that is not root, whoever runs the test.
    async fn set(verdict: Verdict) -> Scene {
        let bus = PrivateBus::start();
        let (service, client, polkit) = (
            bus.connect().await,
            bus.connect().await,
            bus.connect().await,
        );
        let fake = FakePolkit::default();
        *fake.verdict.lock().unwrap() = verdict;
        polkit
            .object_server()
            .at("/org/freedesktop/PolicyKit1/Authority", fake.clone())
            .await
            .unwrap();
        polkit
            .request_name("org.freedesktop.PolicyKit1")
            .await
            .unwrap();
        let callers = Callers::new(&service).await.unwrap();
        let name = client.unique_name().unwrap().inner().to_owned();
        let mut caller = callers.identify(&name).await.unwrap();
        caller.uid = 1000;
        Scene {
            fake,
            authorizer: Authorizer::Polkit(Polkit::new(&service).await.unwrap()),
            caller,
            _connections: [service, client, polkit],
            _bus: bus,
        }
    }

    async fn allow(&self, action: Action, interactive: bool) -> Result<(), Denied> {
        self.authorizer
            .allow(&self.caller, action, interactive, &[("token", "5417533")])
            .await
    }
}

#[tokio::test]
async fn every_verdict_has_its_answer() {
    for &action in Action::ALL {
        let scene = Scene::set(Some((true, false))).await;
        for interactive in [false, true] {
            for (verdict, expected) in [
                ((true, false), None),
                ((false, false), Some(Obstacle::Refusal)),
                (
                    (false, true),
                    Some(match interactive {
                        true => Obstacle::NoAgent,
                        false => Obstacle::NoQuestions,
                    }),
                ),
            ] {
                *scene.fake.verdict.lock().unwrap() = Some(verdict);
                let answer = scene.allow(action, interactive).await;
                let obstacle = answer.err().map(|denied| denied.obstacle);
                assert_eq!(obstacle, expected, "{verdict:?} {interactive}");
                let asked = scene.fake.asked.lock().unwrap().pop().unwrap();
                assert_eq!(asked.kind, "system-bus-name");
                assert_eq!(asked.action, action.id());
                assert_eq!(asked.flags, u32::from(interactive));
                assert_eq!(asked.details["token"], "5417533");
                assert!(!asked.id.is_empty());
            }
        }
        assert!(scene.fake.cancelled.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn root_is_not_asked_about() {
    let mut scene = Scene::set(Some((false, false))).await;
    scene.caller.uid = 0;
    assert_eq!(scene.allow(Action::ResetToken, false).await, Ok(()));
    assert!(scene.fake.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_dropped_question_is_taken_back() {
    let scene = Scene::set(None).await;
    tokio::select! {
        biased;
        answer = scene.allow(Action::GenerateCode, true) => panic!("{answer:?}"),
        () = scene.fake.arrived.notified() => {}
    }
    scene.fake.cancellation.notified().await;
    let asked = scene.fake.asked.lock().unwrap()[0].id.clone();
    assert_eq!(*scene.fake.cancelled.lock().unwrap(), [asked]);
}

#[tokio::test]
async fn without_polkit_nobody_may() {
    let bus = PrivateBus::start();
    let (service, client) = (bus.connect().await, bus.connect().await);
    let caller = Caller {
        unique_name: client.unique_name().unwrap().clone(),
        uid: 1000,
        pid: None,
    };
    let authorizer = Authorizer::Polkit(Polkit::new(&service).await.unwrap());
    for interactive in [false, true] {
        let answer = authorizer
            .allow(&caller, Action::ListCredentials, interactive, &[])
            .await;
        assert_eq!(
            answer,
            Err(Denied {
                action: Action::ListCredentials,
                obstacle: Obstacle::Silence
            })
        );
    }
}

#[tokio::test]
async fn what_pcscd_would_hear_is_asked_about_this_very_program() {
    let (yes, no) = (Some((true, false)), Some((false, false)));
    let scene = Scene::set(yes).await;
    let policy = async |registered: &[&'static str], verdict| {
        *scene.fake.registered.lock().unwrap() = registered.to_vec();
        *scene.fake.verdict.lock().unwrap() = verdict;
        scene.authorizer.card_policy().await
    };
    let other = ["org.freedesktop.login1.reboot"];
    assert_eq!(policy(&other, yes).await, CardPolicy::Unasked);
    assert!(scene.fake.asked.lock().unwrap().is_empty());
    assert_eq!(policy(&CARD_ACTIONS, yes).await, CardPolicy::Allowed);
    assert_eq!(policy(&CARD_ACTIONS, no).await, CardPolicy::Refused);
    let asked = scene.fake.asked.lock().unwrap();
    let actions: Vec<_> = asked.iter().map(|asked| asked.action.as_str()).collect();
    assert_eq!(actions, [CARD_ACTIONS[0], CARD_ACTIONS[1], CARD_ACTIONS[0]]);
    assert!(asked.iter().all(|asked| asked.flags == 0));
}

#[tokio::test]
async fn without_polkit_nobody_knows() {
    let bus = PrivateBus::start();
    let polkit = Polkit::new(&bus.connect().await).await.unwrap();
    assert_eq!(polkit.card_policy().await, CardPolicy::Unknown);
    let everything = Authorizer::Fixed(Action::ALL.iter().copied().collect());
    assert_eq!(everything.card_policy().await, CardPolicy::Unknown);
}
