//! oathd in a thread of the test, on the bus of a world, with software tokens in reach of the test.
//!
//! It runs as the user `oathd` on the bus with the shipped policy, and keeps its state in the
//! world's folder; readers and pcscd are missing, and the policy allows everybody everything.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use oathd_card::{CardOptions, SharedCard};
use oathd_client::{Client, Token};
use oathd_daemon::authority::{Action, Authorizer};
use oathd_daemon::clock::{Clock, ManualClock, SystemClock};
use oathd_daemon::config::Config;
use oathd_daemon::random::SystemRandom;
use oathd_daemon::run::{Bus, Control, RunError, Sources, run};
use oathd_sim::in_process::InProcess;
use oathd_tests::world::{User, World, eventually};
use oathd_token::apdu::{Command, Framing};
use oathd_token::transport::{Channel, Source};
use oathd_token::{AccessKey, ykoath};
use rustix::process::Uid;
use rustix::thread::set_thread_res_uid;
use tokio::sync::mpsc;
use zbus::fdo::DBusProxy;

/// A world with such an oathd, and its tokens.
pub(crate) struct Near {
    pub(crate) world: World,
    pub(crate) cards: Vec<SharedCard>,
    between: fn(InProcess) -> Arc<dyn Source>,
    config: Config,
    clock: Arc<dyn Clock>,
    service: Option<Running>,
}

/// The thread of an oathd, what tells it to end, and the readers that it shares with others.
struct Running {
    readers: InProcess,
    control: mpsc::Sender<Control>,
    thread: JoinHandle<Result<(), RunError>>,
}

impl Near {
    /// With one token that nothing was done to.
    pub(crate) async fn with_a_token() -> Near {
        let card = SharedCard::new(CardOptions::default()).unwrap();
        Near::behind(vec![card], |readers| Arc::new(readers)).await
    }

    /// With these tokens, and something between oathd and their readers.
    pub(crate) async fn behind(
        cards: Vec<SharedCard>,
        between: fn(InProcess) -> Arc<dyn Source>,
    ) -> Near {
        Near::configured(cards, between, Config::default()).await
    }

    /// With settings of its own.
    pub(crate) async fn configured(
        cards: Vec<SharedCard>,
        between: fn(InProcess) -> Arc<dyn Source>,
        config: Config,
    ) -> Near {
        Near::made(cards, between, config, Arc::new(SystemClock)).await
    }

    /// Without tokens, at a time that the test turns.
    pub(crate) async fn at(clock: &Arc<ManualClock>, config: Config) -> Near {
        let clock: Arc<ManualClock> = Arc::clone(clock);
        Near::made(Vec::new(), |readers| Arc::new(readers), config, clock).await
    }

    /// With all of it given.
    pub(crate) async fn made(
        cards: Vec<SharedCard>,
        between: fn(InProcess) -> Arc<dyn Source>,
        config: Config,
        clock: Arc<dyn Clock>,
    ) -> Near {
        let mut near = Near {
            world: World::new().unwrap(),
            cards,
            between,
            config,
            clock,
            service: None,
        };
        near.start().await;
        near
    }

    /// Starts oathd on the state that is there, and waits until it owns its name.
    pub(crate) async fn start(&mut self) {
        let address = format!(
            "unix:path={}",
            self.world.path("dbus/system_bus_socket").display()
        );
        let state = self.world.path("state");
        let readers = InProcess::new(&self.cards).unwrap();
        let tokens = (self.between)(readers.clone());
        let (control, commands) = mpsc::channel(1);
        let config = self.config.clone();
        let clock = Arc::clone(&self.clock);
        let thread = thread::spawn(move || {
            // Linux keeps credentials per thread: those that this one starts have them too.
            let uid = Uid::from_raw(User::Oathd.uid());
            set_thread_res_uid(uid, uid, uid).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let sources = Sources {
                tokens,
                clock,
                random: Arc::new(SystemRandom),
            };
            let everything = Authorizer::Fixed(Action::ALL.iter().copied().collect());
            runtime.block_on(run(
                Bus::Address(address),
                state,
                config,
                sources,
                Some(everything),
                commands,
            ))
        });
        let connection = self.world.connect(User::Root).await.unwrap();
        let bus = DBusProxy::new(&connection).await.unwrap();
        let owned = async || {
            assert!(!thread.is_finished(), "oathd ended");
            let name = oathd_api::names::BUS_NAME.try_into().unwrap();
            bus.name_has_owner(name).await.unwrap().then_some(())
        };
        eventually("oathd on the bus", owned).await.unwrap();
        self.service = Some(Running {
            readers,
            control,
            thread,
        });
    }

    /// Ends oathd in order.
    pub(crate) async fn stop(&mut self) {
        let Running {
            control, thread, ..
        } = self.service.take().unwrap();
        control.send(Control::Stop).await.unwrap();
        let ended = async || thread.is_finished().then_some(());
        eventually("end of oathd", ended).await.unwrap();
        thread.join().unwrap().unwrap();
    }

    /// Waits until oathd has ended in order by itself.
    pub(crate) async fn ended(&mut self) {
        let Running {
            control, thread, ..
        } = self.service.take().unwrap();
        let ended = async || thread.is_finished().then_some(());
        eventually("end of oathd", ended).await.unwrap();
        thread.join().unwrap().unwrap();
        drop(control);
    }

    /// Ends oathd and starts it again on the same state.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    /// `user`'s program, which lets nobody be asked.
    pub(crate) async fn client(&self, user: User) -> Client {
        Client::with(self.world.connect(user).await.unwrap()).without_interaction()
    }

    /// The only token, as `user` sees it.
    pub(crate) async fn token(&self, user: User) -> Token {
        self.client(user).await.find_token("").await.unwrap()
    }

    /// Another program, which has the password `old` of the first token, sets another one, or
    /// none.
    pub(crate) fn another_program_changes_password(&self, old: Option<&[u8]>, new: Option<&[u8]>) {
        let mut program = self.service.as_ref().unwrap().readers.connect().unwrap();
        let changed = program.transaction("oathd-sim 00", &mut |channel| {
            change_password(channel, old, new);
        });
        changed.unwrap();
    }

    /// The status of oathctl, run by `user`, and the name of the error that it told.
    pub(crate) fn oathctl(&self, user: User, line: &str, input: &str) -> (i32, String) {
        let mut arguments: Vec<_> = line.split_whitespace().collect();
        arguments.extend(["--json", "--no-interaction"]);
        let program = self.world.built("oathctl").unwrap().arguments(&arguments);
        let output = program.user(user).input(input).run().unwrap();
        let told = serde_json::from_str::<serde_json::Value>(output.texts().0).unwrap_or_default();
        let name = told["error"]["name"].as_str().unwrap_or_default();
        (output.status.code().expect("no signal"), name.to_owned())
    }
}

impl Drop for Near {
    fn drop(&mut self) {
        if let Some(Running {
            control, thread, ..
        }) = self.service.take()
        {
            // Its channel closed, it ends; the bus must be there until then.
            drop(control);
            let _ = thread.join();
        }
    }
}

/// In a transaction, changes the password of a token from `old`.
fn change_password(channel: &mut dyn Channel, old: Option<&[u8]>, new: Option<&[u8]>) {
    let mut send = |command: Command| {
        let mut answer = Vec::new();
        for apdu in command.encode(Framing::Short) {
            answer = channel.transmit(&apdu).unwrap();
        }
        let status = answer.split_off(answer.len() - 2);
        assert_eq!(status, [0x90, 0x00], "{command:?}");
        answer
    };
    let selected = ykoath::parse_select(&send(ykoath::select(ykoath::AID))).unwrap();
    if let (Some(old), Some(challenge)) = (old, &selected.challenge) {
        let key = AccessKey::derive(old, &selected.salt);
        send(ykoath::validate(&key, challenge, &[7; 8]));
    }
    send(match new {
        Some(new) => ykoath::set_code(&AccessKey::derive(new, &selected.salt), &[7; 8]),
        None => ykoath::clear_code(),
    });
    send(ykoath::select(ykoath::AID));
}

/// The short name of the error of oathd that `answer` is.
pub(crate) fn error<T: std::fmt::Debug>(answer: Result<T, oathd_client::Error>) -> &'static str {
    answer.expect_err("an error").name()
}
