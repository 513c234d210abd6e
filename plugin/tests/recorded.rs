//! What the original plugin printed of recorded objects, byte for byte.
#![allow(clippy::unwrap_used)]

mod common;

use common::{objects_of, recorded, recorded_items};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kubectl_argo_rollouts::view::colour::Palette;
use kubectl_argo_rollouts::view::list::{Row, Shape, Table};
use kubectl_argo_rollouts::view::{Objects, RolloutView, header, tree};
use serde_json::json;
use sluice_crd::rollout::Rollout;
use sluice_crd::time::Time;

/// One call of the original plugin and what it printed.
struct Call {
    command: String,
    output: Vec<String>,
}

fn calls() -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    for line in recorded("get-rollout.txt").lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            calls.push(Call { command: command.to_owned(), output: Vec::new() });
        } else if let Some(call) = calls.last_mut() {
            call.output.push(line.to_owned());
        }
    }
    for call in &mut calls {
        while call.output.last().is_some_and(String::is_empty) {
            call.output.pop();
        }
    }
    calls
}

impl Call {
    fn rollout(&self) -> &str {
        self.output[0].strip_prefix("Name:").unwrap().trim()
    }

    /// The cells of the tree's lines, without the signs.
    fn rows(&self) -> impl Iterator<Item = Vec<&str>> {
        let tree = self.output.iter().skip_while(|line| !line.starts_with("NAME"));
        tree.skip(1).map(|line| {
            line.split_whitespace()
                .map(|cell| cell.trim_start_matches(['│', '├', '└', '─']))
                .filter(|cell| cell.chars().any(char::is_alphanumeric))
                .collect()
        })
    }

    /// When it was called: as much later than the Rollout as the Rollout's age says.
    fn now(&self, objects: &Objects) -> Time {
        let row = self.rows().find(|row| row[1] == "Rollout").unwrap();
        let created = objects.rollout.creation_timestamp().unwrap().0.to_string();
        Time::parse(&created).unwrap().plus_seconds(seconds(row[3]))
    }

    /// The pods that it showed: these were not recorded.
    fn pods(&self, objects: &Objects, now: Time) -> Vec<Pod> {
        let rows = self.rows().filter(|row| row.len() > 2 && row[1] == "Pod");
        let pod = |row: Vec<&str>| {
            let (name, status, age) = (row[0], row[2], row[3]);
            let set = name.rsplit_once('-').unwrap().0;
            let owner = objects.replica_sets.iter().find(|rs| rs.name_any() == set).unwrap();
            let deleted = (status == "Terminating").then_some(now);
            let pod = json!({
                "metadata": {
                    "name": name,
                    "creationTimestamp": now.plus_seconds(-seconds(age)),
                    "deletionTimestamp": deleted,
                    "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet",
                        "name": set, "uid": owner.uid().unwrap()}],
                },
                "spec": {"containers": [{"name": "web"}]},
                "status": {"phase": "Running", "containerStatuses": [{
                    "name": "web", "ready": true, "restartCount": 0, "image": "", "imageID": "",
                    "state": {"running": {}}}]},
            });
            serde_json::from_value(pod).unwrap()
        };
        rows.map(pod).collect()
    }
}

/// An age as printed, below ten minutes.
fn seconds(age: &str) -> i64 {
    let age = age.strip_suffix('s').unwrap();
    match age.split_once('m') {
        Some((minutes, seconds)) => {
            minutes.parse::<i64>().unwrap() * 60 + seconds.parse::<i64>().unwrap()
        }
        None => age.parse().unwrap(),
    }
}

/// The recorded objects of a call.
fn objects(call: &Call) -> Objects {
    let mut objects = objects_of(call.rollout());
    if call.command.starts_with('…') {
        go_back_to_the_second_pause(&mut objects);
    }
    objects
}

/// The objects were recorded later than this one call.
fn go_back_to_the_second_pause(objects: &mut Objects) {
    let status = recorded("canary-steady-at-its-second-pause.json");
    objects.rollout.status = serde_json::from_str(&status).unwrap();
    for rs in &mut objects.replica_sets {
        let pods = match rs.name_any().as_str() {
            "canary-steady-bd4f7d6fb" => 3,
            "canary-steady-6bf9df84df" => 2,
            _ => 0,
        };
        rs.spec.replicas = Some(pods);
        let status = rs.status.get_or_insert_default();
        status.replicas = pods;
        status.available_replicas = Some(pods);
    }
}

#[test]
fn get_prints_what_the_original_printed() {
    let calls = calls();
    assert_eq!(calls.len(), 7);
    for call in calls {
        let mut objects = objects(&call);
        let now = call.now(&objects);
        objects.pods = call.pods(&objects, now);
        let view = RolloutView::new(&objects, now);
        let mut printed = header::lines(&view, Palette::PLAIN);
        printed.push(String::new());
        printed.extend(tree::lines(&view, Palette::PLAIN));
        assert_eq!(printed.join("\n"), call.output.join("\n"), "{}", call.command);
    }
}

#[test]
fn list_prints_what_the_original_printed() {
    let rollouts: Vec<Rollout> = recorded_items("rollouts.yaml");
    let rows: Vec<Row> = rollouts.iter().map(Row::of).collect();
    let now = Time::parse("2026-11-21T07:29:48Z").unwrap();
    let printed = Table::new(Shape::default()).with_head(&rows, now);
    let recorded = recorded("list-rollouts.txt");
    assert_eq!(printed, recorded.lines().collect::<Vec<_>>());
}
