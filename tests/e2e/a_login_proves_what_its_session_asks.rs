//! Proves: where the settings allow it, a login with the factor proves switching off and replacing to
//! programs in the session of logind that began with it, and nothing else; also after a restart of
//! oathd, to programs of the user's own manager where that session shows its windows, and to oathctl
//! without a question; not to another session, nor once it was left, after a change of the account, or
//! when its time is over. Only root binds, a session that is the user's and younger than the
//! verification, with a receipt that a factor earned, once. Without the setting a receipt is redeemed
//! and nothing is bound.
//! Does not prove: what the real logind and pam_systemd say, which a container does.

use std::fs;
use std::sync::Arc;

use oathd_api::wire::account::ChangeOptions;
use oathd_client::{Client, Error, ErrorName, VerifyOptions};
use oathd_daemon::clock::ManualClock;
use oathd_daemon::config::{AccountSettings, Config};
use oathd_tests::world::{User, World};

use crate::desk::cause;
use crate::holder::{Authenticator, counting, describe, enrol, lines, nothing, prove, verify};
use crate::logind::{Logind, Place, Sat, now, of};
use crate::near::Near;

const SERVICE: &str = "login";
const RULES: &str = r#"polkit.addRule(function(action, subject) {
    return subject.user == "alice" ? polkit.Result.YES : polkit.Result.NO;
});"#;

fn login() -> VerifyOptions {
    VerifyOptions {
        service: Some(SERVICE.to_owned()),
        ..VerifyOptions::default()
    }
}

/// Binds a session; until when it proves something.
async fn bind(
    client: &Client,
    account: &str,
    receipt: &str,
    id: &str,
) -> Result<Option<u64>, Error> {
    let (verifier, options) = (client.verifier(), login());
    let bound = verifier.bind_session(account, receipt, id, &options).await;
    bound.map(|bound| bound.until)
}

/// A world with Alice enrolled, and its logind.
struct House {
    world: World,
    logind: Logind,
    root: Client,
    alice: Client,
    authenticator: Authenticator,
    codes: Vec<String>,
}

impl House {
    async fn new(settings: &str) -> House {
        let mut world = World::new().unwrap();
        fs::write(world.path("oathd.conf"), settings).unwrap();
        world.start_polkitd(RULES).unwrap();
        world.start_oathd(&["--config", "/run/oathd.conf"]).unwrap();
        let logind = Logind::start(&world).await;
        let client = async |user| {
            let connection = world.connect(user).await.unwrap();
            Client::with(connection).without_interaction()
        };
        let (root, alice) = (client(User::Root).await, client(User::Alice).await);
        let (authenticator, confirmed) = enrol(&alice, "", nothing()).await;
        let codes = lines(confirmed.recovery_codes.as_ref());
        House {
            world,
            logind,
            root,
            alice,
            authenticator,
            codes,
        }
    }

    /// The receipt of a login of Alice.
    async fn receipt(&mut self) -> String {
        let code = self.authenticator.next();
        let receipt = verify(&self.root, "alice", &code, SERVICE).await;
        receipt.unwrap().receipt
    }

    async fn bind(&self, receipt: &str, id: &str) -> Result<Option<u64>, Error> {
        bind(&self.root, "alice", receipt, id).await
    }

    /// Logs Alice in.
    async fn log_in(&mut self, id: &str) {
        let receipt = self.receipt().await;
        self.logind.open(id, of(User::Alice)).await;
        self.bind(&receipt, id).await.unwrap().unwrap();
    }

    /// Whether Alice can replace her factor without a proof; it is not replaced.
    async fn proves(&self) -> bool {
        let (verifier, options) = (self.alice.verifier(), VerifyOptions::default());
        let ways = verifier.status("", &options).await.unwrap().ways;
        let told = ways.iter().any(|way| way.kind == "session");
        let id = describe(&self.alice, "").await.factors[0].id;
        let (accounts, options) = (self.alice.accounts(), counting(nothing()));
        let proved = match accounts.begin_replacement("", id, &options).await {
            Ok(begun) => {
                begun.cancel().await.unwrap();
                true
            }
            refused => {
                assert_eq!(cause(refused.map(drop)), ErrorName::ProofRequired);
                false
            }
        };
        assert_eq!(told, proved);
        proved
    }
}

const HOUR: &str = "accept_logins_as_proof_seconds = 3600\n";

#[tokio::test]
async fn within_it_and_nowhere_else() {
    let mut house = House::new(HOUR).await;
    house.log_in("7").await;
    house.logind.open("8", of(User::Alice)).await;
    assert!(!house.proves().await);
    for (place, counts) in [
        (Place::In("7"), true),
        (Place::In("8"), false),
        (Place::ManagerOf("7"), true),
        (Place::ManagerOf("8"), false),
        (Place::ManagerOf(""), false),
        (Place::Nowhere, false),
    ] {
        house.logind.sit(place.clone());
        assert_eq!(house.proves().await, counts, "{place:?}");
    }
    house.logind.sit(Place::In("7"));
    let accounts = house.alice.accounts();
    for refused in [
        accounts.new_recovery_codes("", &nothing()).await.map(drop),
        accounts.remove_factor("", 1, &nothing()).await,
        accounts
            .begin_enrollment("", &counting(nothing()))
            .await
            .map(drop),
    ] {
        assert_eq!(cause(refused), ErrorName::ProofRequired);
    }
    // The session proves nothing to somebody else, root included.
    let refused = house.root.accounts().disable("alice", &nothing()).await;
    assert_eq!(cause(refused), ErrorName::ProofRequired);
    house.logind.set_state("7", "closing");
    assert!(!house.proves().await);
    house.logind.set_state("7", "online");
    assert!(house.proves().await);
    // Ids are given again.
    house.logind.close("7").await;
    house.logind.open("7", of(User::Alice)).await;
    assert!(!house.proves().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn until_the_account_changes_and_over_a_restart() {
    let mut house = House::new(HOUR).await;
    house.log_in("7").await;
    house.logind.sit(Place::In("7"));
    house
        .world
        .start_oathd(&["--config", "/run/oathd.conf"])
        .unwrap();
    assert!(house.proves().await);
    let oathctl = house.world.built("oathctl").unwrap();
    let disabled = oathctl.arguments(&["disable", "--yes"]).user(User::Alice);
    let output = disabled.run().unwrap();
    assert!(output.status.success(), "{:?}", output.texts());
    assert!(!describe(&house.alice, "").await.enrolled);
    enrol(&house.alice, "", nothing()).await;
    assert!(!house.proves().await);
}

#[tokio::test]
async fn bound_by_root_to_the_session_that_the_factor_opened() {
    let mut house = House::new(HOUR).await;
    let before = Sat {
        began: now() - 2_000_000,
        ..of(User::Alice)
    };
    house.logind.open("before", before).await;
    let unfit = [
        ("bob", of(User::Bob)),
        (
            "greeter",
            Sat {
                class: "greeter",
                ..of(User::Alice)
            },
        ),
        (
            "left",
            Sat {
                state: "closing",
                ..of(User::Alice)
            },
        ),
        ("here", of(User::Alice)),
    ];
    for id in ["before", "bob", "greeter", "left", "auto", "nobody", ""] {
        let receipt = house.receipt().await;
        for (id, sat) in &unfit {
            if !house.logind.knows(id) {
                house
                    .logind
                    .open(
                        id,
                        Sat {
                            began: now(),
                            ..sat.clone()
                        },
                    )
                    .await;
            }
        }
        // Used up by the first.
        for id in [id, "here"] {
            let refused = house.bind(&receipt, id).await;
            assert_eq!(cause(refused), ErrorName::ProofRequired, "{id}");
        }
    }
    house.logind.sit(Place::In("here"));
    assert!(!house.proves().await);

    // Not with a way back, which is redeemed all the same.
    let way_back = verify(&house.root, "alice", &house.codes[0], SERVICE).await;
    let way_back = way_back.unwrap().receipt;
    house.logind.open("back", of(User::Alice)).await;
    assert_eq!(house.bind(&way_back, "back").await.unwrap(), None);
    house.logind.sit(Place::In("back"));
    assert!(!house.proves().await);
    let again = house.bind(&way_back, "back").await;
    assert_eq!(cause(again), ErrorName::ProofRequired);

    // By nobody but root, about nobody but users of this machine.
    let own = house.authenticator.next();
    let own = verify(&house.alice, "", &own, SERVICE).await.unwrap();
    house.logind.open("own", of(User::Alice)).await;
    let refused = bind(&house.alice, "", &own.receipt, "own").await;
    assert_eq!(cause(refused), ErrorName::NotAuthorized);
    let refused = bind(&house.root, "ada@shop", &own.receipt, "own").await;
    assert_eq!(cause(refused), ErrorName::Unsupported);
    // For another service it is somebody else's.
    let receipt = house.receipt().await;
    let (verifier, options) = (house.root.verifier(), VerifyOptions::default());
    let refused = verifier
        .bind_session("alice", &receipt, "own", &options)
        .await;
    assert_eq!(cause(refused), ErrorName::ProofRequired);
}

#[tokio::test]
async fn not_without_the_setting() {
    let mut house = House::new("").await;
    let receipt = house.receipt().await;
    house.logind.open("7", of(User::Alice)).await;
    assert_eq!(house.bind(&receipt, "7").await.unwrap(), None);
    let again = house.bind(&receipt, "7").await;
    assert_eq!(cause(again), ErrorName::ProofRequired);
    house.logind.sit(Place::In("7"));
    assert!(!house.proves().await);
    assert_eq!(*house.logind.asked.lock().unwrap(), 0);
}

#[tokio::test]
async fn for_as_long_as_the_settings_say() {
    const LONG: u64 = 600;
    let clock = Arc::new(ManualClock::new(1_000_000));
    let accounts = AccountSettings {
        logins_prove: LONG,
        ..AccountSettings::default()
    };
    let config = Config {
        accounts,
        ..Config::default()
    };
    let near = Near::at(&clock, config).await;
    let logind = Logind::start(&near.world).await;
    let root = near.client(User::Root).await;
    let (mut authenticator, _) = enrol(&root, "", nothing()).await;
    let receipt = verify(&root, "", &authenticator.next(), SERVICE).await;
    let receipt = receipt.unwrap().receipt;
    let sat = Sat {
        began: 1_000_000_000_000,
        ..of(User::Root)
    };
    logind.open("7", sat).await;
    logind.sit(Place::In("7"));
    let bound = bind(&root, "", &receipt, "7").await;
    assert_eq!(bound.unwrap(), Some(1_000_000 + LONG));
    let replace = async |proof: ChangeOptions| {
        let options = counting(proof);
        let begun = root.accounts().begin_replacement("", 1, &options).await?;
        begun.cancel().await
    };
    clock.set(1_000_000 + LONG - 1);
    replace(nothing()).await.unwrap();
    clock.set(1_000_000 + LONG);
    let refused = replace(nothing()).await;
    assert_eq!(cause(refused), ErrorName::ProofRequired);
    let proof = prove(&root, "", &authenticator.next()).await;
    replace(proof).await.unwrap();
}
