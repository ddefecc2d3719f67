//! Proves: of the seeds, passwords, access keys and codes of a full run – adding, importing,
//! computing, locking, asking an agent, pairing, and what is refused on the way – none is in a log of
//! oathd at its most talkative, in its state folder, in what oathctl complains, or in the command
//! line of a process.
//! Does not prove: anything about memory.

use std::fs;
use std::sync::Mutex;

use data_encoding::HEXLOWER_PERMISSIVE;
use oathd_api::wire::AgentRequest;
use oathd_client::{Agent, Client, ImportOptions};
use oathd_tests::world::{CardSetup, User, World, eventually};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::canaries::Canaries;
use crate::dice::Dice;

const SERIAL: u32 = 12_345_678;

/// An agent whose user types these passwords, the last one first.
struct Typist(Mutex<Vec<String>>);

impl Agent for Typist {
    async fn request_touch(&self, _: &str, _: AgentRequest) {}

    async fn request_password(&self, _: &str, _: AgentRequest) -> Option<Zeroizing<Vec<u8>>> {
        let password = self.0.lock().unwrap().pop()?;
        Some(Zeroizing::new(password.into_bytes()))
    }

    async fn cancel_request(&self, _: &str, _: &str) {}
}

/// A world with oathd at its most talkative, and what must not be found.
struct Run {
    world: World,
    canaries: Canaries,
    dice: Dice,
}

impl Run {
    /// Runs oathctl; answers what it printed. What it complained is no place for a secret.
    fn oathctl(&self, status: i32, line: &str, input: &str) -> String {
        let arguments: Vec<_> = line.split_whitespace().collect();
        let program = self.world.built("oathctl").unwrap().arguments(&arguments);
        let output = program.input(input).run().unwrap();
        let (stdout, stderr) = output.texts();
        assert_eq!(output.status.code(), Some(status), "{line}: {stderr}");
        let found = self.canaries.found_in(stderr.as_bytes());
        assert!(found.is_empty(), "{line} complains {found:?}");
        if status != 0 {
            let found = self.canaries.found_in(stdout.as_bytes());
            assert!(found.is_empty(), "{line} says {found:?}");
        }
        stdout.to_owned()
    }

    /// Takes up what the token remembers: access key and seeds, those of oathd's own too.
    fn look_into_the_token(&mut self) {
        let path = self.world.path(&format!("cards/{SERIAL}.json"));
        let memory: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let mut add = |what: &str, hex: &Value| {
            let hex = hex.as_str().unwrap_or_default().as_bytes();
            let secret = HEXLOWER_PERMISSIVE.decode(hex).unwrap();
            assert!(secret.len() >= 10, "{what}: {memory}");
            self.canaries.add(what, secret);
        };
        add("access key", &memory["access"]["key"]);
        for credential in memory["credentials"].as_array().unwrap() {
            add("key on the token", &credential["key"]);
        }
    }

    fn take_up_codes(&mut self) {
        let rows: Value =
            serde_json::from_str(&self.oathctl(0, "code --json --hidden", "")).unwrap();
        for row in rows.as_array().unwrap() {
            if let Some(code) = row["code"].as_str() {
                assert_eq!(code.len(), 8);
                self.canaries.add("code", code);
            }
        }
    }
}

fn start() -> Run {
    let mut world = World::new().unwrap();
    world.start_pcscd().unwrap();
    let setup = CardSetup {
        serial: SERIAL,
        ..CardSetup::default()
    };
    world.insert_card(setup).unwrap();
    Run {
        world,
        canaries: Canaries::default(),
        dice: Dice::new(),
    }
}

#[tokio::test]
async fn not_one_of_them_is_found() {
    let mut run = start();
    let arguments = ["--bus", "system", "--state", "/run/state", "--log", "trace"];
    let oathd = run.world.built("oathd").unwrap().arguments(&arguments);
    let mut oathd = oathd.user(User::Oathd).start("oathd").unwrap();
    let client = Client::with(run.world.connect(User::Root).await.unwrap());
    let found = async || client.find_token("").await.ok();
    let token = eventually("token", found).await.unwrap();

    let mut seed = |what: &str| run.canaries.seed(what, &mut run.dice);
    let [typed, uri, line, export, broken] =
        ["typed", "uri", "line", "export", "broken"].map(&mut seed);
    run.oathctl(0, "add Typed:me --digits 8", &format!("{typed}\n"));
    run.oathctl(1, "add Typed:me --digits 8", &format!("{typed}\n"));
    run.oathctl(0, "add Typed:me --digits 8 --force", &format!("{typed}\n"));
    run.oathctl(65, "add Broken:me", &format!("{broken}!\n"));
    let address = |name, secret: &str, more: &str| {
        format!("otpauth://totp/{name}?secret={secret}&digits=8{more}\n")
    };
    run.oathctl(0, "add --uri -", &address("uri", &uri, ""));
    run.oathctl(65, "add --uri -", &address("x", &broken, "&period=none"));
    run.oathctl(65, "add --uri -", &address("x", &format!("{broken}1"), ""));
    run.oathctl(0, "import --yes -", &address("line", &line, ""));
    let entry = format!(
        r#"{{"type":"totp","name":"export","issuer":"I","info":{{"secret":"{export}","algo":"SHA1","digits":8,"period":30}}}}"#
    );
    let aegis = format!(r#"{{"version":1,"db":{{"version":2,"entries":[{entry}]}}}}"#);
    run.oathctl(0, "import --yes -", &aegis);
    run.oathctl(65, "import --yes -", &aegis[..aegis.len() - 3]);
    // What oathctl refuses by itself reaches the service from other programs.
    for wrong in [
        address("x", &broken, "&period=none"),
        address("x", &format!("{broken}1"), ""),
        format!("{broken} is no address"),
    ] {
        let refused = token.import_uri(&wrong, &ImportOptions::default()).await;
        let told = format!("{:?}", refused.unwrap_err());
        assert!(run.canaries.found_in(told.as_bytes()).is_empty(), "{told}");
    }
    let made = run.oathctl(0, "add --generate Made:me --digits 8 --json", "");
    assert!(made.contains("otpauth://totp/"));
    run.take_up_codes();

    let mut password = |what: &str| run.canaries.password(what, &mut run.dice);
    let [first, wrong, second] = ["first", "wrong", "second"].map(&mut password);
    let from_stdin = |line: &str| format!("password {line} --password-stdin");
    run.oathctl(0, &from_stdin("set --remember"), &format!("{first}\n"));
    run.look_into_the_token();
    run.oathctl(0, "password forget", "");
    run.oathctl(5, "list --no-interaction", "");
    run.oathctl(1, &from_stdin("unlock"), &format!("{wrong}\n"));
    run.oathctl(0, &from_stdin("remember"), &format!("{first}\n"));
    run.take_up_codes();
    run.oathctl(0, "password forget", "");
    let agent = Typist(Mutex::new(vec![first.clone(), wrong.clone()]));
    let agent = client.register_agent(agent).await.unwrap();
    let code = token.code("Typed:me", false).await.unwrap().code;
    run.canaries.add("code", code);
    agent.end().await.unwrap();
    let both = format!("{first}\n{second}\n");
    run.oathctl(0, &from_stdin("change --remember"), &both);
    run.look_into_the_token();
    run.oathctl(0, "password clear", "");
    run.oathctl(0, "pair", "");
    run.look_into_the_token();
    run.take_up_codes();
    run.oathctl(0, "rename typed Renamed:me", "");
    run.oathctl(0, "info", "");

    // Nothing is taken from a command line, so nothing is shown by one.
    run.oathctl(64, "password set shown", "");
    run.oathctl(64, "add Shown:me shown", "");
    let waiting = run.world.built("oathctl").unwrap();
    let mut waiting = waiting
        .arguments(&["add", "Last:me", "--digits", "8"])
        .start("oathctl")
        .unwrap();
    let last = run.canaries.seed("last", &mut run.dice);
    let folder = format!("/proc/{}", waiting.pid());
    let running = async || {
        let line = fs::read(format!("{folder}/cmdline")).unwrap();
        line.starts_with(b"/run/build/oathctl").then_some(line)
    };
    let line = eventually("oathctl", running).await.unwrap();
    assert!(run.canaries.found_in(&line).is_empty());
    waiting.say(&last).unwrap();
    assert!(waiting.wait().unwrap().success(), "{}", waiting.log());

    run.canaries.assert_not_in(&run.world.path("state"));
    oathd.end().unwrap();
    run.canaries.assert_not_in(&run.world.path("state"));
    run.canaries.assert_not_in(&run.world.path("log"));
    let log = oathd.log();
    assert!(log.contains("TRACE") && log.lines().count() > 100, "{log}");
}
