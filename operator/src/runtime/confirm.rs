impl Loop {
    fn confirm(&self, key: Key, overdue: Vec<ObjectId>, now: Instant) -> Work {
        let client = self.shell.client.clone();
        Box::pin(async move {
            let mut fetched = Vec::new();
            for id in overdue {
                let found = fetch(&client, &id).await;
                fetched.push((id, found));
            }
            (key, now, Finished::Confirmed(fetched))
        })
    }
}

async fn fetch(client: &Client, id: &ObjectId) -> Result<Option<Event>, Failure> {
    let (namespace, name) = &id.place;
    let request = Request::new(path(id.kind, namespace))
        .get(name, &Default::default())
        .map_err(kube::Error::BuildRequest)?;
    let event = match id.kind {
        ResourceKind::Rollout => answered(client.request::<Observed<_>>(request))
            .await
            .map(|o| Event::Rollout(Change::Applied(o))),
        ResourceKind::ReplicaSet => answered(client.request::<Observed<_>>(request))
            .await
            .map(|o| Event::ReplicaSet(Change::Applied(o))),
        ResourceKind::Service => answered(client.request::<Observed<_>>(request))
            .await
            .map(|o| Event::Service(Change::Applied(o))),
    };
    match event {
        Ok(event) => Ok(Some(event)),
        Err(failure) if failure.is_not_found() => Ok(None),
        Err(failure) => Err(failure),
    }
}

