//! What was measured, as people and programs read it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::Result;
use crate::samples::Samples;

/// One figure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Figure {
    name: String,
    value: f64,
    unit: String,
    /// How many measurements stand behind it.
    n: usize,
    /// What it should reach, and whether it does.
    reach: Option<(String, bool)>,
    remark: String,
}

impl Figure {
    pub(crate) fn new(name: &str, value: f64, unit: &str, n: usize) -> Self {
        Self {
            name: name.to_owned(),
            value,
            unit: unit.to_owned(),
            n,
            reach: None,
            remark: String::new(),
        }
    }

    /// The median of `samples`, in milliseconds.
    pub(crate) fn median(name: &str, samples: &Samples) -> Self {
        Self::new(name, samples.median(), "ms", samples.len())
            .remark(&format!("p99 {:.2} ms", samples.percentile(99)))
    }

    pub(crate) fn value(&self) -> f64 {
        self.value
    }

    pub(crate) fn at_most(self, limit: f64) -> Self {
        let reached = self.value <= limit;
        self.reach(&format!("≤ {limit}"), reached)
    }

    pub(crate) fn at_least(self, limit: f64) -> Self {
        let reached = self.value >= limit;
        self.reach(&format!("≥ {limit}"), reached)
    }

    pub(crate) fn reach(mut self, target: &str, reached: bool) -> Self {
        self.reach = Some((target.to_owned(), reached));
        self
    }

    pub(crate) fn remark(mut self, remark: &str) -> Self {
        remark.clone_into(&mut self.remark);
        self
    }
}

/// A line for each figure, those with a target first.
pub(crate) fn table(figures: &[Figure]) -> String {
    let (promised, others): (Vec<_>, Vec<_>) =
        figures.iter().partition(|figure| figure.reach.is_some());
    let mut table = format!(
        "{:<28}{:>10} {:<9}{:>6}  {:<12}\n",
        "name", "value", "unit", "n", "reach"
    );
    for figure in promised.into_iter().chain(others) {
        let target = match &figure.reach {
            Some((target, true)) => format!("{target} ✓"),
            Some((target, false)) => format!("{target} MISSED"),
            None => String::new(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "{:<28}{:>10} {:<9}{:>6}  {target:<12}  {}",
            figure.name,
            rounded(figure.value),
            figure.unit,
            figure.n,
            figure.remark
        );
    }
    table
}

/// An object with a member for each figure: value, unit and number of measurements.
pub(crate) fn json(figures: &[Figure]) -> Result<String> {
    let mut members = Map::new();
    for figure in figures {
        let value = rounded(figure.value);
        let member = json!({"value": value, "unit": figure.unit, "n": figure.n});
        members.insert(figure.name.clone(), member);
    }
    Ok(serde_json::to_string_pretty(&members)? + "\n")
}

/// To a thousandth; a whole number as one.
fn rounded(value: f64) -> Value {
    let thousandths = (value * 1e3).round();
    if thousandths % 1e3 == 0.0 {
        json!((thousandths / 1e3) as i64)
    } else {
        json!(thousandths / 1e3)
    }
}
