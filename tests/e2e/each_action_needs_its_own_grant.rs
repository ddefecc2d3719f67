//! Proves: through the real polkitd every method of the bus is open to exactly the uid whose rule
//! grants exactly the method's action, and refused to everybody else, by name and by the status of
//! oathctl; where a question could help and the caller allows none, it is told so; without polkitd
//! all are refused but root; what is refused is not done.
//! Does not prove: dialogues, which need a session.

use oathd_api::ErrorName;
use oathd_client::Client;
use oathd_daemon::authority::Action;
use oathd_daemon::secret_fd;
use oathd_tests::world::{CardSetup, User, World, eventually};
use zbus::{Connection, Fd, OwnedObjectPath, Variant};

use crate::raw::{self, Options, ROOT, call};

const INTERACTION: &str = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired";

/// Rules that answer `result` when one user asks for one action, and no otherwise.
fn rule(user: User, action: Action, result: &str) -> String {
    format!(
        r#"polkit.addRule(function(action, subject) {{
            var asked = action.id == "{}" && subject.user == "{}";
            return asked ? polkit.Result.{result} : polkit.Result.NO;
        }});"#,
        action.id(),
        user.name()
    )
}

/// Rules that answer `result` to one action, and yes to all others.
fn yes_and(action: Action, result: &str) -> String {
    format!(
        r#"polkit.addRule(function(action, subject) {{
            return polkit.Result[action.id == "{}" ? "{result}" : "YES"];
        }});"#,
        action.id()
    )
}

async fn world() -> (World, OwnedObjectPath) {
    let mut world = World::with_oathd("").unwrap();
    world.insert_card(CardSetup::default()).unwrap();
    let client = Client::with(world.connect(User::Root).await.unwrap());
    let token = async || client.find_token("").await.ok();
    let path = eventually("token", token).await.unwrap().path().clone();
    (world, path)
}

/// Calls every method that asks for an action: the action, the method, and the error if there was
/// one. Whoever may do all leaves an empty token.
async fn call_all(
    connection: &Connection,
    path: &OwnedObjectPath,
) -> Vec<(Action, &'static str, Option<String>)> {
    let (token, tokens, none) = (raw::token(path), vec![path], Options::new());
    let secret = || Fd::from(secret_fd::create(b"12345678901234567890").unwrap());
    let uri = || Fd::from(secret_fd::create(b"otpauth://totp/u?secret=GEZDGNBVGY3TQOJQ").unwrap());
    let named = Options::from([("name", Variant::from("n"))]);
    let remember = Options::from([("remember", Variant::from(true))]);
    let overwrite = Options::from([("overwrite", Variant::from(true))]);
    let anew: Options = named.clone().into_iter().chain(overwrite.clone()).collect();
    let mut answers = Vec::new();
    macro_rules! ask {
        ($($action:ident: $object:expr, $member:literal, $body:expr;)+) => {
            $(answers.push((
                Action::$action,
                $member,
                call(connection, $object, $member, &$body).await.err(),
            ));)+
        };
    }
    ask! {
        ListCredentials: ROOT, "FindToken", ("", &none);
        ListCredentials: ROOT, "FindCredentials", none;
        ListCredentials: token, "Describe", none;
        ListCredentials: token, "ListCredentials", none;
        ListCredentials: token, "Unlock", (secret(), &none);
        AddCredential: token, "AddCredential", (secret(), &named);
        AddCredential: token, "ImportUri", (uri(), &none);
        AddCredential: ROOT, "AddCredential", (&tokens, secret(), &named);
        AddCredential: ROOT, "ImportUri", (&tokens, uri(), &none);
        GenerateCode: token, "GenerateCode", ("n", &none);
        GenerateCode: token, "GenerateCodes", none;
        ChangeCredential: token, "AddCredential", (secret(), &anew);
        ChangeCredential: token, "ImportUri", (uri(), &overwrite);
        ChangeCredential: ROOT, "AddCredential", (&tokens, secret(), &anew);
        ChangeCredential: ROOT, "ImportUri", (&tokens, uri(), &overwrite);
        ChangeCredential: token, "RenameCredential", ("n", &named);
        ChangeCredential: token, "RemoveCredential", ("n", &none);
        ManageAccess: token, "Unlock", (secret(), &remember);
        ManageAccess: token, "SetPassword", (secret(), &none);
        ManageAccess: token, "Pair", none;
        ManageAccess: token, "ClearPassword", none;
        ResetToken: token, "Reset", none;
    }
    answers
}

fn refused(error: Option<&String>) -> bool {
    error.is_some_and(|name| name == ErrorName::NotAuthorized.bus_name())
}

/// The status of oathctl and the name of the error that it told.
fn oathctl(world: &World, user: User, line: &str) -> (i32, String) {
    let arguments: Vec<_> = line.split_whitespace().collect();
    let program = world.built("oathctl").unwrap().arguments(&arguments);
    let output = program.arguments(&["--json"]).user(user).run().unwrap();
    let told: serde_json::Value = serde_json::from_str(output.texts().0).unwrap();
    let name = told["error"]["name"].as_str().unwrap_or_default();
    (output.status.code().unwrap(), name.to_owned())
}

#[tokio::test]
async fn a_grant_opens_its_own_methods_and_no_others() {
    let (mut world, path) = world().await;
    let alice = world.connect(User::Alice).await.unwrap();
    let bob = world.connect(User::Bob).await.unwrap();
    for &granted in Action::ALL {
        world
            .start_polkitd(&rule(User::Alice, granted, "YES"))
            .unwrap();
        for (action, member, error) in call_all(&alice, &path).await {
            let told = format!("{member} with {}: {error:?}", granted.id());
            assert_eq!(refused(error.as_ref()), action != granted, "{told}");
        }
        for (_, member, error) in call_all(&bob, &path).await {
            assert!(refused(error.as_ref()), "{member}: {error:?}");
        }
    }
    // A refusal names the action, for the administrator who might grant it.
    let token = Client::with(bob).without_interaction().token(path.clone());
    let told = match token.code("n", false).await.unwrap_err() {
        oathd_client::Error::Oathd { details, .. } => details.action,
        other => panic!("{other:?}"),
    };
    assert_eq!(told.as_deref(), Some(Action::GenerateCode.id()));

    let root = world.connect(User::Root).await.unwrap();
    for (_, member, error) in call_all(&root, &path).await {
        let twice = ErrorName::CredentialExists.bus_name();
        assert!(
            error.as_ref().is_none_or(|name| name == twice),
            "{member}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_search_with_its_code_needs_both_grants() {
    let (mut world, path) = world().await;
    let token = Client::with(world.connect(User::Root).await.unwrap()).token(path);
    let options = oathd_client::AddOptions {
        name: Some("mail".into()),
        ..Default::default()
    };
    token.add(b"12345678901234567890", &options).await.unwrap();
    let (list, code) = (Action::ListCredentials, Action::GenerateCode);
    let alice = world.connect(User::Alice).await.unwrap();
    let of_another = format!(
        r#"polkit.addRule(function(action, subject) {{
            var other = action.id == "{}" && action.lookup("token") != "7";
            return other ? polkit.Result.NO : polkit.Result.YES;
        }});"#,
        code.id()
    );
    let refused = ErrorName::NotAuthorized.bus_name();
    for (rules, expected) in [
        (rule(User::Alice, list, "YES"), Some(refused)),
        (rule(User::Alice, code, "YES"), Some(refused)),
        (rule(User::Alice, list, "AUTH_SELF"), Some(refused)),
        (of_another, Some(refused)),
        (yes_and(list, "AUTH_SELF"), Some(INTERACTION)),
        (yes_and(code, "AUTH_SELF"), Some(INTERACTION)),
        (yes_and(code, "YES"), None),
    ] {
        world.start_polkitd(&rules).unwrap();
        let body = (Options::new(), Options::new());
        let answer = call(&alice, ROOT, "GenerateCode", &body).await;
        assert_eq!(answer.err().as_deref(), expected, "{rules}");
    }
}

#[tokio::test]
async fn who_could_be_asked_is_told_so() {
    let (mut world, path) = world().await;
    let token = Client::with(world.connect(User::Root).await.unwrap()).token(path.clone());
    let options = oathd_client::AddOptions {
        name: Some("mail".into()),
        ..Default::default()
    };
    token.add(b"12345678901234567890", &options).await.unwrap();
    let rules = rule(User::Alice, Action::GenerateCode, "AUTH_SELF");
    world.start_polkitd(&rules).unwrap();
    let alice = world.connect(User::Alice).await.unwrap();
    let (object, body) = (raw::token(&path), ("mail", Options::new()));
    let error = call(&alice, object, "GenerateCode", &body).await;
    assert_eq!(error.unwrap_err(), INTERACTION);
    // Asked for, the question finds nobody to show it: that is a refusal, not an invitation, and says
    // what is missing. A plain no says nothing of the kind.
    let interactive = Client::with(alice).token(path.clone());
    let error = interactive.code("mail", false).await.unwrap_err();
    assert!(error.is(ErrorName::NotAuthorized), "{error:?}");
    assert!(error.detail().unwrap().contains("pkttyagent"), "{error:?}");
    let error = interactive.credentials(false).await.unwrap_err();
    assert_eq!(error.detail(), None);

    let not_authorized = (77, ErrorName::NotAuthorized.as_str().to_owned());
    assert_eq!(oathctl(&world, User::Bob, "list"), not_authorized);
    assert_eq!(oathctl(&world, User::Bob, "info"), not_authorized);
    let rules = rule(User::Alice, Action::ListCredentials, "AUTH_SELF");
    world.start_polkitd(&rules).unwrap();
    let word = INTERACTION.rsplit('.').next().unwrap();
    let asked = oathctl(&world, User::Alice, "info --no-interaction");
    assert_eq!(asked, (77, word.to_owned()));
    assert_eq!(oathctl(&world, User::Root, "list").0, 0);
}

#[tokio::test]
async fn nobody_but_root_passes_without_polkit() {
    let (mut world, path) = world().await;
    let alice = world.connect(User::Alice).await.unwrap();
    let rules = "polkit.addRule(function() { return polkit.Result.YES; });";
    world.start_polkitd(rules).unwrap();
    let object = raw::token(&path);
    call(&alice, object, "Describe", &Options::new())
        .await
        .unwrap();
    world.stop_polkitd().unwrap();
    for (_, member, error) in call_all(&alice, &path).await {
        assert!(refused(error.as_ref()), "{member}: {error:?}");
    }
    let root = Client::with(world.connect(User::Root).await.unwrap());
    assert_eq!(
        root.token(path.clone()).credentials(true).await.unwrap(),
        []
    );
    world.start_polkitd(rules).unwrap();
    call(&alice, object, "Describe", &Options::new())
        .await
        .unwrap();
}
