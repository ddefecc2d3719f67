//! Proves: the policy asks what its strictest rule for a user and its groups asks; days of grace
//! begin when it first meets a user and survive a restart; root is never locked out; groups that
//! cannot be looked up make no answer weaker; a user speaks for their own account alone, and the
//! empty name is it; wrong codes of a user's own programs delay neither the console nor a login from
//! elsewhere.
//! Does not prove: that logins obey, which is for the PAM module.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use oathd_api::names::CHANGE_SERVICE;
use oathd_client::{
    ChangeOptions, Client, ConfirmOptions, EnrollOptions, ErrorName, StatusRecord, VerifyOptions,
};
use oathd_oath::{Algorithm, Digits, Secret, code, otpauth};
use oathd_tests::world::{User, World};

use crate::desk::cause;
use crate::till::verify;

const DAY: u64 = 86_400;

fn world(settings: &str) -> World {
    let mut world = World::new().unwrap();
    serve(&mut world, settings);
    world
}

fn serve(world: &mut World, settings: &str) {
    fs::write(world.path("oathd.conf"), settings).unwrap();
    let yes = "polkit.addRule(function(action, subject) { return polkit.Result.YES; });";
    world.start_polkitd(yes).unwrap();
    start(world);
}

fn start(world: &mut World) {
    world.start_oathd(&["--config", "/run/oathd.conf"]).unwrap();
}

async fn client(world: &World, user: User) -> Client {
    Client::with(world.connect(user).await.unwrap()).without_interaction()
}

async fn status(world: &World, user: User, account: &str) -> StatusRecord {
    let (verifier, options) = (
        client(world, user).await.verifier(),
        VerifyOptions::default(),
    );
    verifier.status(account, &options).await.unwrap()
}

#[tokio::test]
async fn it_asks_what_the_strictest_rule_asks() {
    let mut world = world(
        "support_contact = 'desk 5'\n[policy]\nrule = 'required'\ngrace_days = 7\n\
         [policy.groups.bob]\nrule = 'required'\n",
    );
    let met = status(&world, User::Alice, "").await;
    assert_eq!(met.account, "alice@local");
    assert_eq!(met.requirement, "not_asked_until");
    assert_eq!(met.support_contact.as_deref(), Some("desk 5"));
    let until = met.requirement_until.unwrap();
    world.stop_oathd().unwrap();
    start(&mut world);
    for account in ["", "alice", "alice@local"] {
        let again = status(&world, User::Alice, account).await;
        assert_eq!(again.requirement_until, Some(until));
    }
    let seen_by_root = status(&world, User::Root, "alice").await;
    assert_eq!(seen_by_root.requirement_until, Some(until));
    assert_eq!(
        status(&world, User::Bob, "bob").await.requirement,
        "enrol_first"
    );
    assert_eq!(
        status(&world, User::Root, "").await.requirement,
        "not_asked"
    );
    // Whoever is not found is asked what anybody is.
    assert_eq!(
        status(&world, User::Root, "nobody-here").await.requirement,
        "not_asked_until"
    );
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    assert!(until.abs_diff(now.unwrap().as_secs() + 7 * DAY) < 600);
    let verifier = client(&world, User::Alice).await.verifier();
    for account in ["bob", "root", "nobody-here", "alice@elsewhere"] {
        let refused = verifier.status(account, &VerifyOptions::default()).await;
        assert_eq!(cause(refused), ErrorName::NotAuthorized);
    }
}

fn now_code(seed: &Secret, ahead: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let step = (now.unwrap().as_secs() / 30).saturating_add_signed(ahead);
    code::hotp(seed, Algorithm::Sha1, Digits::Six, step)
}

#[tokio::test]
async fn a_flood_in_one_class_delays_no_other() {
    let world = world("");
    let own = client(&world, User::Alice).await;
    let (accounts, options) = (own.accounts(), EnrollOptions::default());
    let begun = accounts.begin_enrollment("", &options).await.unwrap();
    let seed = otpauth::parse(&begun.reveal().await.unwrap())
        .unwrap()
        .secret;
    let first = now_code(&seed, -1);
    begun
        .confirm(&first, &ConfirmOptions::default())
        .await
        .unwrap();
    let options = VerifyOptions::default();
    let mut names = Vec::new();
    for _ in 0..20 {
        // The code that enrolled is a wrong one from then on, and is told as used.
        let wrong = if first == "000000" {
            "000001"
        } else {
            "000000"
        };
        names.push(verify(&own, "alice", wrong, &options).await.unwrap_err().0);
    }
    assert_eq!(names[..4], [ErrorName::WrongCode; 4]);
    assert_eq!(names[4..], [ErrorName::Throttled; 16]);
    let root = client(&world, User::Root).await;
    let here = verify(&root, "alice", &now_code(&seed, 0), &options).await;
    assert_eq!(here.unwrap().way, "code");
    let elsewhere = VerifyOptions {
        remote_host: Some("192.0.2.1".to_owned()),
        ..VerifyOptions::default()
    };
    let there = verify(&root, "alice", &now_code(&seed, 1), &elsewhere).await;
    assert_eq!(there.unwrap().way, "code");
    let still = verify(&own, "alice", "000000", &options).await;
    assert_eq!(still.unwrap_err().0, ErrorName::Throttled);
    let claimed = own.verifier().verify("alice", "000000", &elsewhere).await;
    assert!(claimed.is_err());
}

/// Lets oathd look into the file of groups, or not.
fn show_groups(world: &World, shown: bool) {
    let mode = if shown { 0o644 } else { 0o600 };
    fs::set_permissions(world.path("etc/group"), Permissions::from_mode(mode)).unwrap();
}

/// Names that fill more memory than a look-up usually takes.
#[tokio::test]
async fn a_group_may_have_as_many_members_as_a_city() {
    let mut world = World::new().unwrap();
    let path = world.path("etc/group");
    let mut groups = fs::read_to_string(&path).unwrap();
    groups += "city:x:54321:";
    for number in 0..250_000 {
        groups += &format!("citizen-{number},");
    }
    groups += "alice\n";
    fs::write(&path, groups).unwrap();
    serve(&mut world, "[policy.groups.city]\nrule = 'required'\n");
    for (user, requirement) in [(User::Alice, "enrol_first"), (User::Bob, "not_asked")] {
        let asked = status(&world, user, "").await;
        assert_eq!(asked.requirement, requirement);
    }
    world.stop_oathd().unwrap();
}

#[tokio::test]
async fn groups_that_cannot_be_looked_up_make_nothing_weaker() {
    let mut world = World::new().unwrap();
    // No other service answers in place of the file.
    fs::write(world.path("nsswitch.conf"), "passwd: files\ngroup: files\n").unwrap();
    let files = ["--bind", "/run/nsswitch.conf", "/etc/nsswitch.conf"];
    let mounted = world.program("mount").arguments(&files).run();
    mounted.unwrap().stdout().unwrap();
    serve(&mut world, "[policy.groups.alice]\nrule = 'required'\n");
    let asked = async |world: &World| {
        let verifier = client(world, User::Root).await.verifier();
        verifier.status("alice", &VerifyOptions::default()).await
    };
    assert_eq!(asked(&world).await.unwrap().requirement, "enrol_first");
    show_groups(&world, false);
    assert_eq!(cause(asked(&world).await), ErrorName::StateUnavailable);
    show_groups(&world, true);
    assert_eq!(asked(&world).await.unwrap().requirement, "enrol_first");

    let own = client(&world, User::Alice).await;
    let (accounts, options) = (own.accounts(), EnrollOptions::default());
    let begun = accounts.begin_enrollment("", &options).await.unwrap();
    let uri = begun.reveal().await.unwrap();
    let seed = otpauth::parse(&uri).unwrap().secret;
    let confirm = ConfirmOptions::default();
    begun.confirm(&now_code(&seed, -1), &confirm).await.unwrap();
    let options = VerifyOptions {
        service: Some(CHANGE_SERVICE.to_owned()),
        ..VerifyOptions::default()
    };
    let disable = async |ahead| {
        let receipt = verify(&own, "alice", &now_code(&seed, ahead), &options).await;
        let options = ChangeOptions {
            proof: Some(receipt.unwrap().receipt),
            ..ChangeOptions::default()
        };
        cause(accounts.disable("", &options).await)
    };
    show_groups(&world, false);
    assert_eq!(disable(0).await, ErrorName::StateUnavailable);
    show_groups(&world, true);
    assert_eq!(disable(1).await, ErrorName::SecondFactorRequired);
    world.stop_oathd().unwrap();
}
