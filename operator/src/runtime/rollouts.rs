impl Loop {
    fn finish_pass(&mut self, key: Key, began: Instant, report: Report, now: Instant) {
        self.shell.metrics.reconciled(&key.namespace, &key.name, now - began);
        for wrote in report.wrote {
            self.world.wrote(&key, wrote, now);
        }
        if report.fetched_facts
            && let Some(entry) = self.world.rollout(&key.namespace, &key.name)
            && let Ok(record) = &entry.record
        {
            self.facts_at.insert(key.clone(), (record.generation, now));
        }
        match report.counts {
            CountsFate::HeldBack => {
                let due = self.counts.held_back(&key, now);
                self.queue.add(key.clone(), due);
            }
            CountsFate::Written => self.counts.written(&key, now),
            CountsFate::None => self.counts.settled(&key, now),
        }
        match report.outcome {
            Outcome::Done(wake) => {
                if let Wake::At(at) = wake {
                    let pause = (at - self.shell.clock.now()).to_std().unwrap_or_default();
                    self.queue.add(key.clone(), now + pause);
                }
                self.queue.done(&key);
            }
            Outcome::LookAgain => {
                self.shell.metrics.reconcile_failed(&key.namespace, &key.name);
                self.queue.failed(&key, now);
            }
            Outcome::Failed(failure) => self.retry(&key, &failure, now),
        }
    }

    /// Lets go of the Services of a Rollout that is gone, once the API server has confirmed that.
    fn after_deletion(&mut self, key: &Key, now: Instant) -> Option<Work> {
        self.counts.forget(key);
        self.facts_at.remove(key);
        self.quarantine_told.remove(key);
        self.forget_at.entry(key.clone()).or_insert(now + METRICS_LINGER);
        let services = self.world.services_of(&key.namespace, &key.name, &[]);
        if services.is_empty() {
            return None;
        }
        let actions = release_all(&services, &key.name, &BTreeSet::new());
        let (shell, key) = (self.shell.clone(), key.clone());
        Some(Box::pin(async move {
            let released = release(&shell, &key, actions).await;
            (key, now, Finished::Released(released))
        }))
    }

}

/// A Rollout of another instance of the controller has no record here either: only the API
/// server's word counts.
async fn release(
    shell: &Shell,
    key: &Key,
    actions: Vec<sluice_planner::Action>,
) -> Result<(), Failure> {
    let rollout =
        ObjectId { kind: ResourceKind::Rollout, place: (key.namespace.clone(), key.name.clone()) };
    if fetch(&shell.client, &rollout).await?.is_some() {
        return Ok(());
    }
    let fence = (*shell.fence.borrow()).ok_or(Failure::NotLeader)?;
    for action in actions {
        if let sluice_planner::Action::ReleaseService { service, resource_version, selects_hash } =
            action
        {
            let body = release_patch(&resource_version, selects_hash);
            let request = crate::writer::patch_request(
                ResourceKind::Service,
                &key.namespace,
                &service,
                &body,
            )?;
            within(fence, shell.client.request::<serde_json::Value>(request)).await?;
        }
    }
    Ok(())
}
