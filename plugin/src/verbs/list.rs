//! `list rollouts`: a table, that may grow by a line for each change.

use std::collections::BTreeMap;

use sluice_crd::rollout::Rollout;

use super::Stop;
use crate::args::ListRollouts;
use crate::cluster::{self, typed_all};
use crate::error::Failure;
use crate::follow::Follow;
use crate::output::Output;
use crate::session::Session;
use crate::view::list::{Row, Shape, Table};

pub(super) async fn rollouts(
    session: &Session,
    args: &ListRollouts,
    output: &mut Output<'_>,
    stop: &Stop,
) -> Result<(), Failure> {
    let namespace = (!args.all_namespaces).then_some(session.namespace.as_str());
    let name = args.name.as_deref();
    let (rollouts, problems) = cluster::rollouts(session, namespace, name).await?;
    for problem in &problems {
        output.complain(&format!("Warning: {problem}"))?;
    }
    let shape = Shape { namespace: args.all_namespaces, timestamp: args.timestamps };
    let mut table = Table::new(shape);
    let rows: Vec<Row> = rollouts.iter().map(Row::of).collect();
    let mut has_head = !rows.is_empty();
    if has_head {
        output.lines(&table.with_head(&rows, session.now()))?;
    } else {
        output.complain("No resources found.")?;
    }
    if !args.watch {
        return Ok(());
    }
    let mut shown: BTreeMap<(String, String), Row> = rows.into_iter().map(keyed).collect();
    let mut follow = Follow::rollouts(session, namespace, name);
    let mut told = Vec::new();
    loop {
        tokio::select! {
            biased;
            () = stop.clone() => return Ok(()),
            changed = follow.changed() => changed?,
        }
        tell_troubles(&follow, &mut told, output)?;
        if !follow.is_complete() {
            continue;
        }
        let rollouts: Vec<Rollout> = typed_all(follow.all());
        let rows: BTreeMap<_, _> = rollouts.iter().map(Row::of).map(keyed).collect();
        let changed: Vec<Row> = rows
            .iter()
            .filter(|(key, row)| shown.get(*key) != Some(*row))
            .map(|(_, row)| row.clone())
            .collect();
        if !changed.is_empty() {
            let now = session.now();
            let lines =
                if has_head { table.more(&changed, now) } else { table.with_head(&changed, now) };
            has_head = true;
            output.lines(&lines)?;
        }
        shown = rows;
    }
}

fn keyed(row: Row) -> ((String, String), Row) {
    ((row.namespace.clone(), row.name.clone()), row)
}

/// Says once what keeps the watch from going on.
pub(super) fn tell_troubles(
    follow: &Follow,
    told: &mut Vec<String>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let troubles: Vec<String> = follow.troubles().map(str::to_owned).collect();
    for trouble in troubles.iter().filter(|trouble| !told.contains(trouble)) {
        output.complain(&format!("Warning: {trouble}"))?;
    }
    *told = troubles;
    Ok(())
}
