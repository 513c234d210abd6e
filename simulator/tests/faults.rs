//! Injected failures, as a client sees them.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use futures_util::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Error;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use serde_json::json;
use sluice_simulator::{Cut, Fault, GroupResource, Matcher};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn maps(client: &kube::Client) -> Api<ConfigMap> {
    Api::default_namespaced(client.clone())
}

fn map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
}

fn code(error: &Error) -> Option<u16> {
    match error {
        Error::Api(status) => Some(status.code),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_strike_the_nth_write() {
    let cluster = cluster(1);
    let client = cluster.client("op");
    let configs = GroupResource::new("", "configmaps");
    let matcher = Matcher { resource: Some(configs), ..Matcher::default() };
    let fault =
        Fault::Status { code: 429, reason: "TooManyRequests".into(), message: "wait".into() };
    cluster.inject(matcher.clone(), 2, 1, fault);
    cluster.inject(matcher, 4, 1, Fault::Conflict);
    let create = async |name: &str| maps(&client).create(&PostParams::default(), &map(name)).await;
    create("a").await.unwrap();
    assert_eq!(code(&create("b").await.unwrap_err()), Some(429));
    create("b").await.unwrap();
    let error = create("c").await.unwrap_err();
    assert_eq!(code(&error), Some(409));
    assert!(error.to_string().contains("the object has been modified"), "{error}");
    assert_eq!(cluster.objects("", "configmaps").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_applied_all_the_same() {
    let cluster = cluster(1);
    let client = cluster.client("op");
    cluster.inject(Matcher::default(), 1, 1, Fault::LostReply);
    cluster.inject(Matcher::default(), 2, 1, Fault::Unreachable);
    let create = async |name: &str| maps(&client).create(&PostParams::default(), &map(name)).await;
    let error = create("a").await.unwrap_err();
    assert!(matches!(error, Error::Service(_)), "{error:?}");
    let error = create("b").await.unwrap_err();
    assert!(matches!(error, Error::Service(_)), "{error:?}");
    let names: Vec<_> = cluster
        .objects("", "configmaps")
        .iter()
        .map(|map| map["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["a"], "the first was applied, the second never arrived");
    let codes: Vec<u16> = cluster.requests("op").iter().map(|request| request.code).collect();
    assert_eq!(codes, [201], "what never arrived is in no audit log");
    assert_eq!(code(&create("a").await.unwrap_err()), Some(409), "AlreadyExists");
}

#[tokio::test(start_paused = true)]
async fn a_cut_connection_ends_requests_and_watches() {
    for (cut, applied, answered) in
        [(Cut::BeforeApply, 1, false), (Cut::BeforeReply, 2, false), (Cut::AfterReply, 2, true)]
    {
        let cluster = cluster(3);
        let client = cluster.client("op");
        let mut events = maps(&client).watch(&WatchParams::default(), "0").await.unwrap().boxed();
        let mut other = maps(&cluster.client("other"))
            .watch(&WatchParams::default(), "0")
            .await
            .unwrap()
            .boxed();
        cluster.disconnect("op", 2, cut);
        let disconnected = cluster.disconnected("op");
        let create =
            async |name: &str| maps(&client).create(&PostParams::default(), &map(name)).await;
        create("a").await.unwrap();
        assert_eq!(create("b").await.is_ok(), answered, "{cut:?}");
        disconnected.await;
        assert!(maps(&client).get("a").await.is_err(), "{cut:?}: the connection is dead");
        assert_eq!(cluster.objects("", "configmaps").len(), applied, "{cut:?}");
        // Events that were on their way are lost with the connection.
        let mut outcome = None;
        while let Some(event) = events.next().await {
            outcome = Some(event.is_err());
        }
        assert_eq!(outcome, Some(true), "{cut:?}: the watch ends with an error");
        assert!(other.next().await.unwrap().is_ok(), "{cut:?}: other clients live on");
        let again = cluster.client("op");
        assert!(maps(&again).get("a").await.is_ok(), "{cut:?}: a new client works");
    }
}

#[tokio::test(start_paused = true)]
async fn frozen_watches_deliver_late_and_in_order() {
    let cluster = cluster(4);
    let client = cluster.client("op");
    let mut events = maps(&client).watch(&WatchParams::default(), "0").await.unwrap().boxed();
    let configs = GroupResource::new("", "configmaps");
    let began = cluster.clock().now();
    cluster.freeze_watches(Some("op"), &configs, Duration::from_secs(30));
    for name in ["a", "b"] {
        maps(&client).create(&PostParams::default(), &map(name)).await.unwrap();
    }
    for expected in ["a", "b"] {
        let WatchEvent::Added(map) = events.next().await.unwrap().unwrap() else {
            panic!("not an addition");
        };
        assert_eq!(map.metadata.name.as_deref(), Some(expected));
        assert!(cluster.clock().now() - began >= chrono::Duration::seconds(30));
    }
}

#[tokio::test(start_paused = true)]
async fn compaction_expires_old_versions() {
    let cluster = cluster(5);
    let client = cluster.client("op");
    let first = maps(&client).create(&PostParams::default(), &map("a")).await.unwrap();
    for name in ["b", "c"] {
        maps(&client).create(&PostParams::default(), &map(name)).await.unwrap();
    }
    let page = maps(&client).list(&ListParams::default().limit(1)).await.unwrap();
    maps(&client).create(&PostParams::default(), &map("d")).await.unwrap();
    let token = page.metadata.continue_.unwrap();
    let rest = ListParams::default().limit(10).continue_token(&token);
    let names = |list: Vec<ConfigMap>| -> Vec<String> {
        list.into_iter().map(|map| map.metadata.name.unwrap()).collect()
    };
    let consistent = maps(&client).list(&rest).await.unwrap().items;
    assert_eq!(names(consistent), ["b", "c"], "as of the first page");

    cluster.compact();
    let error = maps(&client).list(&rest).await.unwrap_err();
    assert_eq!(code(&error), Some(410));
    let version = first.metadata.resource_version.unwrap();
    let mut events = maps(&client).watch(&WatchParams::default(), &version).await.unwrap().boxed();
    let WatchEvent::Error(status) = events.next().await.unwrap().unwrap() else {
        panic!("not an error");
    };
    assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
    assert!(events.next().await.is_none(), "the watch is over");
}

#[tokio::test(start_paused = true)]
async fn observers_see_every_change_with_its_author() {
    let cluster = cluster(6);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    cluster.observe(move |write, objects| {
        let pods = objects.list(&GroupResource::new("", "pods"), "").len();
        let verb = match (write.before, write.after) {
            (None, _) => "created",
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "removed",
        };
        let resource = &write.resource.resource;
        log.lock().unwrap().push(format!("{} {verb} {resource} {pods}", write.request.user));
    });
    let client = cluster.client("op");
    create_set(&client, &replica_set("web", 1, "nginx:1")).await;
    eventually("ready", || ready_pods(&cluster) == 1).await;
    let nothing = json!({"spec": {"replicas": 1}});
    sets(&client).patch("web", &PatchParams::default(), &Patch::Merge(nothing)).await.unwrap();
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen[0], "op created replicasets 0");
    assert_eq!(seen[1], "controllers created pods 1");
    assert!(seen.contains(&"controllers changed pods 1".to_owned()), "{seen:?}");
    assert!(!seen.contains(&"op changed replicasets 1".to_owned()), "no-op writes: {seen:?}");
    let last = cluster.requests("op").pop().unwrap();
    assert_eq!((last.verb.as_str(), last.code, last.changed), ("patch", 200, false));
    assert_eq!(last.body, Some(json!({"spec": {"replicas": 1}})));
}

#[tokio::test(start_paused = true)]
async fn controllers_meet_faults_too() {
    let cluster = cluster(7);
    let client = cluster.client("op");
    let matcher = Matcher {
        user: Some(sluice_simulator::CONTROLLERS.into()),
        verbs: vec!["create".into()],
        ..Matcher::default()
    };
    cluster.inject(
        matcher,
        1,
        3,
        Fault::Status { code: 403, reason: "Forbidden".into(), message: "no".into() },
    );
    create_set(&client, &replica_set("web", 2, "nginx:1")).await;
    let condition = || cluster.objects("apps", "replicasets")[0]["status"]["conditions"].clone();
    eventually("the failure shows", || condition()[0]["reason"] == "FailedCreate").await;
    eventually("it recovers", || ready_pods(&cluster) == 2).await;
    eventually("the failure is gone", || condition().is_null()).await;
}

#[tokio::test(start_paused = true)]
async fn watches_time_out_and_bookmark() {
    let cluster = cluster(8);
    let client = cluster.client("op");
    let params = WatchParams::default().timeout(290);
    let mut events = maps(&client).watch(&params, "0").await.unwrap().boxed();
    let began = cluster.clock().now();
    maps(&client).create(&PostParams::default(), &map("a")).await.unwrap();
    let mut bookmarks = Vec::new();
    while let Some(event) = events.next().await {
        if let WatchEvent::Bookmark(bookmark) = event.unwrap() {
            bookmarks.push(bookmark.metadata.resource_version);
        }
    }
    let took = cluster.clock().now() - began;
    assert!((290..292).contains(&took.num_seconds()), "{took}");
    assert_eq!(bookmarks.len(), 4);
    assert_eq!(bookmarks[3], cluster.revision().to_string());
}
