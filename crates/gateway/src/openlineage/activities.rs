//! Runs and jobs of an event, and what they used besides data.

use herdbook_proto::{
    InvalidRequest,
    lineage::v1::{EdgeType, NodeKey},
};

use super::{
    event::{EventType, Job, Run},
    facets::{
        Documentation, ErrorMessage, JobType, NominalTime, Parent, ProcessingEngine, SourceCode,
        SourceCodeLocation,
    },
    mapping::{Attributes, Recorder, is_valid},
    naming,
};

impl Recorder<'_> {
    pub(super) fn job(&mut self, job: &Job) -> Result<NodeKey, InvalidRequest> {
        let key = naming::job(&job.namespace, &job.name);
        let facets = &job.facets;
        let mut attributes = Attributes::default();
        attributes.add("namespace", &job.namespace);
        attributes.add("name", &job.name);
        if let Some(kind) = self.read::<JobType>(facets, "jobType", "job.facets")? {
            attributes.add("integration", &kind.integration);
            attributes.add("processing_type", &kind.processing_type);
            attributes.add("job_type", kind.job_type.as_deref().unwrap_or_default());
        }
        if let Some(about) = self.read::<Documentation>(facets, "documentation", "job.facets")? {
            attributes.add("description", &about.description);
        }
        let tags = self.tags(facets, "job.facets")?;
        self.tell(&key, attributes, tags);
        self.attach(&key, "", facets);
        Ok(key)
    }

    pub(super) fn run(
        &mut self,
        run: &Run,
        job: Option<&NodeKey>,
    ) -> Result<NodeKey, InvalidRequest> {
        let key = naming::run(run.run_id.0);
        let facets = &run.facets;
        let mut attributes = Attributes::default();
        if let Some(job) = &self.event.job {
            attributes.add("name", &job.name);
        }
        let time = self.event.event_time.0.to_rfc3339();
        match self.event.event_type {
            Some(EventType::Start) => attributes.add("started_at", &time),
            Some(EventType::Complete | EventType::Fail | EventType::Abort) => {
                attributes.add("ended_at", &time);
            }
            Some(EventType::Running | EventType::Other) | None => {}
        }
        attributes.add("status", status(self.event.event_type));
        if let Some(due) = self.read::<NominalTime>(facets, "nominalTime", "run.facets")? {
            attributes.add("nominal_time", &due.nominal_start_time.0.to_rfc3339());
        }
        if let Some(error) = self.read::<ErrorMessage>(facets, "errorMessage", "run.facets")? {
            attributes.add("error", &error.message);
        }
        let tags = self.tags(facets, "run.facets")?;
        self.tell(&key, attributes, tags);
        self.attach(&key, "", facets);
        if let Some(job) = job {
            self.edge(job.clone(), &key, EdgeType::Used, "job");
        }
        if let Some(engine) =
            self.read::<ProcessingEngine>(facets, "processing_engine", "run.facets")?
        {
            let name = engine.name.unwrap_or_else(|| "engine".to_owned());
            let environment = naming::key("environment", name.to_lowercase(), engine.version);
            self.source(environment, Attributes::default(), &key, "engine");
        }
        if let Some(parent) = self.read::<Parent>(facets, "parent", "run.facets")? {
            self.parent(&parent, &key);
        }
        Ok(key)
    }

    fn parent(&mut self, parent: &Parent, child: &NodeKey) {
        let run = naming::run(parent.run.run_id.0);
        let job = naming::job(&parent.job.namespace, &parent.job.name);
        if run == *child || !is_valid(&job) {
            return;
        }
        let mut attributes = Attributes::default();
        attributes.add("name", &parent.job.name);
        self.tell(&run, attributes, Vec::new());
        let mut attributes = Attributes::default();
        attributes.add("namespace", &parent.job.namespace);
        attributes.add("name", &parent.job.name);
        self.tell(&job, attributes, Vec::new());
        self.edge(job, &run, EdgeType::Used, "job");
        self.edge(run, child, EdgeType::PartOf, "parent");
    }

    /// What the job's source is, for whatever ran it.
    pub(super) fn code(&mut self, job: &Job, activity: &NodeKey) -> Result<(), InvalidRequest> {
        let scope = "job.facets";
        if let Some(code) =
            self.read::<SourceCodeLocation>(&job.facets, "sourceCodeLocation", scope)?
        {
            let repository = code.repo_url.as_deref().filter(|url| !url.is_empty());
            let version = code.version.as_deref().unwrap_or_default();
            let key = naming::code(repository.unwrap_or(&code.url), version);
            let mut attributes = Attributes::default();
            attributes.add("url", &code.url);
            attributes.add("branch", code.branch.as_deref().unwrap_or_default());
            let path = code.path.as_deref().unwrap_or_default();
            attributes.add("entry_point", path);
            self.source(key, attributes, activity, path);
        }
        if let Some(code) = self.read::<SourceCode>(&job.facets, "sourceCode", scope)? {
            let of = naming::job(&job.namespace, &job.name);
            let mut attributes = Attributes::default();
            attributes.add("language", &code.language);
            let key = naming::source_code(&of, &code.source_code);
            self.source(key, attributes, activity, "source");
        }
        Ok(())
    }
}

/// The status of a run, as Herdbook's own runs have it.
fn status(event_type: Option<EventType>) -> &'static str {
    match event_type {
        Some(EventType::Start | EventType::Running) => "RUNNING",
        Some(EventType::Complete) => "FINISHED",
        Some(EventType::Fail) => "FAILED",
        Some(EventType::Abort) => "KILLED",
        Some(EventType::Other) | None => "",
    }
}
