//! Yubico's library as a program that works on request.

use std::path::Path;

use oathd_tests::world::{Process, World, reader_name, until};
use serde_json::{Value, json};

/// A Python process that runs `peer.py` on the first reader.
pub(super) struct Peer {
    process: Process,
    answered: usize,
}

impl Peer {
    pub(super) fn start(world: &World) -> Peer {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = tests.join("../target/peers/venv/bin/python");
        assert!(python.exists(), "run tests/setup-peers first");
        let script = tests.join("e2e/interop/peer.py");
        let arguments = ["-W".into(), "ignore".into(), script.into_os_string()];
        let process = world
            .program(python)
            .arguments(&arguments)
            .arguments(&[&reader_name(0)])
            .start("peer")
            .unwrap();
        Peer {
            process,
            answered: 0,
        }
    }

    /// Sends a request; [`Peer::answer`] has what comes of it.
    pub(super) fn begin(&mut self, request: &Value) {
        self.process.say(&request.to_string()).unwrap();
    }

    /// The answer to the request that was begun, once it is there.
    pub(super) fn answer(&mut self) -> Option<Value> {
        self.process.check_alive().unwrap();
        let log = self.process.log();
        let whole = &log[..log.rfind('\n')?];
        let line = whole.lines().nth(self.answered)?;
        self.answered += 1;
        Some(serde_json::from_str(line).unwrap_or_else(|_| panic!("{log}")))
    }

    fn ask(&mut self, request: &Value) -> Value {
        self.begin(request);
        until("answer of the peer", || Ok(self.answer())).unwrap()
    }

    /// What a request that succeeds answers.
    #[track_caller]
    pub(super) fn gives(&mut self, request: &Value) -> Value {
        let mut answer = self.ask(request);
        assert!(answer.get("error").is_none(), "{request}: {answer}");
        answer["ok"].take()
    }

    /// How a request fails: a status word in hex, or an exception.
    #[track_caller]
    pub(super) fn refuses(&mut self, request: &Value) -> String {
        let answer = self.ask(request);
        let error = answer["error"].as_str();
        error
            .unwrap_or_else(|| panic!("{request}: {answer}"))
            .to_owned()
    }

    /// The code of one credential at a time.
    #[track_caller]
    pub(super) fn code(&mut self, id: &str, at: u64) -> String {
        let codes = self.gives(&json!({"do": "codes", "at": {id: at}}));
        codes[id].as_str().unwrap().to_owned()
    }
}
