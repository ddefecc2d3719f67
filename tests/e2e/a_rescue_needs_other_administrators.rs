//! Proves: a bypass code comes out of a rescue only when every administrator that the settings ask
//! for has given a factor of their own just now, when the owner's time to call it off is over, and
//! once; nobody rescues themselves or approves twice; the owner ends a rescue; the code lets the
//! owner in once, and asks for a new factor; root at the machine, and nobody from elsewhere, need not
//! wait for the owner; root can rescue while groups cannot be looked up; all of it is in the trail.
//! Does not prove: what the real logind says of a session.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Seek};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use oathd_api::ErrorName;
use oathd_api::names::RESCUE_SERVICE;
use oathd_api::wire::administration::{ImportAccountsOptions, RescueOptions, RescueState};
use oathd_api::wire::verifier::VerifyOptions;
use oathd_client::{Client, Error};
use oathd_oath::{Algorithm, Digits, Secret, code};
use oathd_tests::world::{User, World, eventually};
use zbus::{ObjectPath, OwnedObjectPath, interface};

use crate::desk::{cause, refused};

/// Who may rescue, and who is rescued.
const OWNER: User = User::Alice;
const ONE: User = User::Bob;
const OTHER: User = User::Oathd;

struct Office {
    world: World,
    /// The next counter of each one's token; 0 where it is not told.
    counters: HashMap<User, u64>,
}

impl Office {
    /// Everybody has a token that counts; the owner can call a rescue off for so many seconds.
    async fn open(window: u64, two_approvers: bool) -> Office {
        let mut world = World::new().unwrap();
        let settings = format!(
            "[rescue]\napprovers_group = \"helpdesk\"\ncancel_window_seconds = {window}\n\
             two_approvers = {two_approvers}\n"
        );
        fs::write(world.path("oathd.conf"), settings).unwrap();
        let group = world.path("etc/group");
        let helpdesk = format!("helpdesk:x:20200:{},{}\n", ONE.name(), OTHER.name());
        let groups = fs::read_to_string(&group).unwrap() + &helpdesk;
        fs::write(group, groups).unwrap();
        let rules = "polkit.addRule(function() { return polkit.Result.YES; });";
        world.start_polkitd(rules).unwrap();
        world.start_oathd(&["--config", "/run/oathd.conf"]).unwrap();
        let office = Office {
            world,
            counters: HashMap::new(),
        };
        let users = [OWNER, ONE, OTHER, User::Root];
        let row = |user: User| {
            let seed = data_encoding::HEXLOWER.encode(seed(user).expose());
            format!("HOTP {} - {seed}\n", user.name())
        };
        let options = ImportAccountsOptions {
            format: Some("pam_oath".to_owned()),
            ..ImportAccountsOptions::default()
        };
        let root = office.client(User::Root).await;
        let rows = users.map(row).concat();
        let rows = root
            .administration()
            .import(rows.as_bytes(), &options)
            .await;
        assert!(rows.unwrap().iter().all(|row| row.state == "imported"));
        office
    }

    async fn client(&self, user: User) -> Client {
        Client::with(self.world.connect(user).await.unwrap()).without_interaction()
    }

    /// A receipt of a factor of `user` for `service`.
    async fn receipt(&mut self, user: User, service: &str) -> RescueOptions {
        let options = VerifyOptions {
            service: Some(service.to_owned()),
            ..VerifyOptions::default()
        };
        let counter = self.counters.entry(user).or_default();
        let typed = code::hotp(&seed(user), Algorithm::Sha1, Digits::Six, *counter);
        *counter += 1;
        let client = self.client(user).await;
        let receipt = client
            .verifier()
            .verify("", &typed, &options)
            .await
            .unwrap();
        RescueOptions {
            proof: Some(receipt.receipt),
        }
    }

    async fn rescue(&mut self, user: User) -> Result<RescueState, Error> {
        let proof = self.receipt(user, RESCUE_SERVICE).await;
        self.open_with(user, &proof).await
    }

    async fn open_with(&self, user: User, proof: &RescueOptions) -> Result<RescueState, Error> {
        let client = self.client(user).await;
        let administration = client.administration();
        administration
            .rescue(OWNER.name(), "lost everything", proof)
            .await
    }

    async fn approve(&mut self, user: User) -> Result<RescueState, Error> {
        let proof = self.receipt(user, RESCUE_SERVICE).await;
        let client = self.client(user).await;
        client.administration().approve(OWNER.name(), &proof).await
    }

    /// The events of the trail, from its beginning.
    async fn events(&self) -> Vec<(u32, String)> {
        let root = self.client(User::Root).await;
        let entries = root.administration().audit(0, 1000).await.unwrap();
        entries
            .into_iter()
            .map(|entry| (entry.uid, entry.event))
            .collect()
    }
}

fn seed(user: User) -> Secret {
    Secret::new(user.name().repeat(20).into_bytes()[..20].to_vec()).unwrap()
}

/// The code that came out.
fn bypass(state: RescueState) -> String {
    assert_eq!(
        (state.state.as_str(), state.approvals_missing),
        ("issued", 0)
    );
    assert!(state.until.is_some());
    let mut file = fs::File::from(std::os::fd::OwnedFd::from(state.bypass.unwrap()));
    let mut code = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut code).unwrap();
    code
}

fn waits(state: &RescueState) -> u32 {
    assert_eq!(state.state, "waiting");
    assert!(state.bypass.is_none() && state.not_before.is_some());
    state.approvals_missing
}

#[tokio::test]
async fn one_administrator_with_a_fresh_factor_lets_the_owner_in_once() {
    let mut office = Office::open(0, false).await;
    // Nothing but a receipt of the administrator's own for just this.
    let none = RescueOptions::default();
    let refused_with = |answer| cause::<RescueState>(answer);
    let bare = office.open_with(ONE, &none).await;
    assert_eq!(refused_with(bare), ErrorName::ProofRequired);
    let foreign = office.receipt(OTHER, RESCUE_SERVICE).await;
    let answer = office.open_with(ONE, &foreign).await;
    assert_eq!(refused_with(answer), ErrorName::ProofRequired);
    let other_service = office.receipt(ONE, "sudo").await;
    let answer = office.open_with(ONE, &other_service).await;
    assert_eq!(refused_with(answer), ErrorName::ProofRequired);
    let own = office.rescue(OWNER).await;
    assert_eq!(refused_with(own), ErrorName::NotAuthorized);
    let client = office.client(User::Root).await;
    let nobody = client
        .administration()
        .rescue("no-such-user", "lost", &none)
        .await;
    assert_eq!(refused_with(nobody), ErrorName::NotEnrolled);
    let early = office.approve(ONE).await;
    assert_eq!(refused_with(early), ErrorName::NoRescue);

    let proof = office.receipt(ONE, RESCUE_SERVICE).await;
    let code = bypass(office.open_with(ONE, &proof).await.unwrap());
    let again = office.rescue(ONE).await;
    assert_eq!(refused_with(again), ErrorName::RescueRefused);
    let again = office.approve(ONE).await;
    assert_eq!(refused_with(again), ErrorName::RescueRefused);

    let verifier = client.verifier();
    let options = VerifyOptions::default();
    let receipt = verifier
        .verify(OWNER.name(), &code, &options)
        .await
        .unwrap();
    assert_eq!(
        (receipt.way.as_str(), receipt.must_reenrol),
        ("bypass", true)
    );
    assert!(
        verifier
            .verify(OWNER.name(), &code, &options)
            .await
            .is_err()
    );

    let events = office.events().await;
    let by_one: Vec<_> = events.iter().filter(|(uid, _)| *uid == ONE.uid()).collect();
    let named = |event: &str| by_one.iter().filter(|(_, told)| told == event).count();
    assert_eq!((named("rescue_opened"), named("bypass_issued")), (1, 1));
}

#[tokio::test]
async fn where_two_must_approve_they_are_two() {
    let mut office = Office::open(0, true).await;
    let proof = office.receipt(ONE, RESCUE_SERVICE).await;
    assert_eq!(waits(&office.open_with(ONE, &proof).await.unwrap()), 1);
    let client = office.client(ONE).await;
    let used = client.administration().approve(OWNER.name(), &proof).await;
    assert_eq!(cause(used), ErrorName::ProofRequired);
    // The same one again, and root in place of a second one.
    assert_eq!(waits(&office.approve(ONE).await.unwrap()), 1);
    let (name, details) = refused(office.approve(User::Root).await);
    assert_eq!(name, ErrorName::RescueRefused);
    assert!(details.detail.is_some());
    let code = bypass(office.approve(OTHER).await.unwrap());
    assert!(!code.is_empty());
    let events = office.events().await;
    assert!(events.contains(&(OTHER.uid(), "rescue_approved".to_owned())));
    assert!(events.contains(&(OTHER.uid(), "bypass_issued".to_owned())));
}

#[tokio::test]
async fn the_owner_calls_it_off_while_it_waits() {
    let mut office = Office::open(3_600, false).await;
    assert_eq!(waits(&office.rescue(ONE).await.unwrap()), 0);
    let owner = office.client(OWNER).await;
    let seen = owner.accounts().describe("").await.unwrap().rescue.unwrap();
    assert_eq!(
        (seen.by, seen.reason.as_str()),
        (ONE.uid(), "lost everything")
    );
    assert_eq!(waits(&office.approve(ONE).await.unwrap()), 0);
    owner.accounts().cancel_rescue("").await.unwrap();
    assert_eq!(cause(office.approve(ONE).await), ErrorName::NoRescue);
    let events = office.events().await;
    assert!(events.contains(&(OWNER.uid(), "rescue_cancelled".to_owned())));
    // Root needs neither group nor factor, and waits all the same.
    let root = office
        .open_with(User::Root, &RescueOptions::default())
        .await;
    assert_eq!(waits(&root.unwrap()), 0);
}

#[tokio::test]
async fn the_code_is_there_when_the_owners_time_is_over() {
    let office = Office::open(1, false).await;
    let none = RescueOptions::default();
    assert_eq!(
        waits(&office.open_with(User::Root, &none).await.unwrap()),
        0
    );
    let root = office.client(User::Root).await;
    let fetch = async || {
        let state = root.administration().approve(OWNER.name(), &none).await;
        Some(state.unwrap()).filter(|state| state.state == "issued")
    };
    let code = bypass(eventually("the code", fetch).await.unwrap());
    let verifier = root.verifier();
    let receipt = verifier
        .verify(OWNER.name(), &code, &VerifyOptions::default())
        .await;
    assert_eq!(receipt.unwrap().way, "bypass");
}

const LOGIND: &str = "/org/freedesktop/login1";
const SESSION: &str = "/org/freedesktop/login1/session/_31";

/// As much of logind as tells the session of a program.
struct Logind;

#[interface(name = "org.freedesktop.login1.Manager")]
impl Logind {
    #[zbus(name = "GetSessionByPID")]
    fn session_by_pid(&self, _pid: u32) -> OwnedObjectPath {
        ObjectPath::from_static_str_unchecked(SESSION).into()
    }
}

/// Everybody's session.
struct Session {
    remote: Arc<AtomicBool>,
    active: Arc<AtomicBool>,
}

#[interface(name = "org.freedesktop.login1.Session")]
impl Session {
    #[zbus(property)]
    fn active(&self) -> bool {
        self.active.load(Ordering::SeqCst)
    }

    #[zbus(property)]
    fn remote(&self) -> bool {
        self.remote.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn root_at_the_machine_need_not_wait_for_the_owner() {
    let mut office = Office::open(3_600, false).await;
    let seat = office.world.connect(User::Root).await.unwrap();
    let (remote, active) = (Arc::default(), Arc::default());
    let session = Session {
        remote: Arc::clone(&remote),
        active: Arc::clone(&active),
    };
    seat.object_server().at(LOGIND, Logind).await.unwrap();
    seat.object_server().at(SESSION, session).await.unwrap();
    seat.request_name("org.freedesktop.login1").await.unwrap();
    let none = RescueOptions::default();
    let owner = office.client(OWNER).await;
    for (is_active, is_remote) in [(true, true), (false, false)] {
        active.store(is_active, Ordering::SeqCst);
        remote.store(is_remote, Ordering::SeqCst);
        let state = office.open_with(User::Root, &none).await.unwrap();
        assert_eq!(waits(&state), 0);
        owner.accounts().cancel_rescue("").await.unwrap();
    }
    active.store(true, Ordering::SeqCst);
    // An administrator who is not root waits wherever they are.
    assert_eq!(waits(&office.rescue(ONE).await.unwrap()), 0);
    owner.accounts().cancel_rescue("").await.unwrap();
    let code = bypass(office.open_with(User::Root, &none).await.unwrap());
    assert!(!code.is_empty());
}

#[tokio::test]
async fn root_rescues_while_groups_cannot_be_looked_up() {
    let mut office = Office::open(0, false).await;
    let world = &mut office.world;
    // No other service answers in place of the file.
    fs::write(world.path("nsswitch.conf"), "passwd: files\ngroup: files\n").unwrap();
    let files = ["--bind", "/run/nsswitch.conf", "/etc/nsswitch.conf"];
    let mounted = world.program("mount").arguments(&files).run();
    mounted.unwrap().stdout().unwrap();
    fs::set_permissions(world.path("etc/group"), fs::Permissions::from_mode(0o600)).unwrap();
    world.stop_oathd().unwrap();
    world.start_oathd(&["--config", "/run/oathd.conf"]).unwrap();
    let nothing = RescueOptions::default();
    assert_eq!(
        cause(office.open_with(ONE, &nothing).await),
        ErrorName::StateUnavailable
    );
    bypass(office.open_with(User::Root, &nothing).await.unwrap());
}
