//! What oathd and the bus add to PC/SC: the same code through both, in turns, warm, as root.

use crate::bare::Bare;
use crate::figure::Figure;
use crate::inside::{self, Desk};
use crate::samples::Samples;
use crate::{NAME, Result};

const WARM_UP: usize = 100;
const RUNS: usize = 2000;
const PERIOD: u64 = 30;

pub(crate) async fn measure(desk: &Desk) -> Result<Vec<Figure>> {
    let mut bare = Bare::new()?;
    let (mut ours, mut theirs) = (Samples::default(), Samples::default());
    let (mut step, mut compared) = (0, 0);
    for run in 0..WARM_UP + RUNS {
        if run == WARM_UP {
            (ours, theirs) = Default::default();
        }
        // Who comes second must not always be the same one.
        let early = match run % 2 {
            0 => None,
            _ => Some(theirs.time(|| bare.code(NAME, step))?),
        };
        let code = ours.time_async(desk.token.code(NAME, false)).await?;
        let same_step = code.from / PERIOD == step;
        step = code.from / PERIOD;
        let other = match early {
            Some(early) if same_step => early,
            Some(_) => continue,
            None => theirs.time(|| bare.code(NAME, step))?,
        };
        if other != code.code {
            return Err(format!("{other} is not {}", code.code).into());
        }
        compared += 1;
    }
    if compared < RUNS {
        return Err(format!("only {compared} codes were compared").into());
    }
    let [mut find, mut by_name, mut ping]: [Samples; 3] = Default::default();
    let query = inside::query();
    for _ in 0..RUNS {
        let found = find
            .time_async(desk.client.find_credentials(&query))
            .await?;
        if found.credentials.len() != 1 {
            return Err(format!("{} credentials found", found.credentials.len()).into());
        }
        by_name
            .time_async(desk.client.find_code(&query, false))
            .await?;
        let connection = desk.client.connection();
        let call = connection.call_method(
            Some(oathd_api::names::BUS_NAME),
            oathd_api::names::ROOT_PATH,
            Some("org.freedesktop.DBus.Peer"),
            "Ping",
            &(),
        );
        ping.time_async(call).await?;
    }
    let added = ours.median() - theirs.median();
    Ok(vec![
        Figure::new("code_over_pcsc_ms_p50", added, "ms", ours.len()).at_most(0.3),
        Figure::median("generate_code_ms_p50", &ours),
        Figure::median("bare_pcsc_code_ms_p50", &theirs),
        Figure::median("find_credentials_ms_p50", &find),
        Figure::median("code_by_name_ms_p50", &by_name),
        Figure::median("ping_ms_p50", &ping),
    ])
}
