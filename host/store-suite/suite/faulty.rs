//! A database that goes wrong on demand, as a disk that is full or a connection that is cut would have it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use easel::store::{Answers, Engine, Mended, Query, StoreError, Uncommitted};
use serde_json::{Value, json};

/// What goes wrong with a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It never arrives.
    Unsent,
    /// It is carried out, and its answer never arrives.
    Unanswered,
    /// It can be read, and is nowhere once the database was opened anew.
    Unsynced,
}

/// The last commit of a log, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Last {
    pub commit: u64,
    pub epoch: u64,
}

/// What is wrong at the moment.
#[derive(Debug, Default)]
pub struct Condition {
    /// With the next commit.
    pub next: Option<Fault>,
    /// With all commits.
    pub every: Option<Fault>,
    /// It cannot be opened anew.
    pub full: bool,
    /// It cannot be read.
    pub mute: bool,
    /// The last commit that it says the log has, instead of what is so; and what it will say when it was opened anew.
    pub says: Option<Last>,
    pub will_say: Option<Last>,
    torn: bool,
}

/// Passes everything on to a database, except for what is to go wrong.
pub struct Faulty {
    engine: Arc<dyn Engine>,
    condition: Mutex<Condition>,
}

impl Faulty {
    pub fn around(engine: Arc<dyn Engine>) -> Self {
        Self { engine, condition: Mutex::default() }
    }

    /// What is wrong, to be looked at and changed.
    pub fn condition(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what no store would, and nothing goes wrong with that.
    pub async fn write(&self, query: Query) {
        self.engine.commit(query).await.unwrap();
    }
}

/// The commit that a query is about.
fn number(query: &Query) -> Option<u64> {
    query.values.iter().find(|(name, _)| name == "commit").and_then(|(_, commit)| commit.as_u64())
}

/// What a connection says that is cut.
fn cut() -> StoreError {
    StoreError::Database("Connection reset".to_owned())
}

#[async_trait]
impl Engine for Faulty {
    async fn read(&self, query: Query) -> Result<Answers, StoreError> {
        let (mute, says) = {
            let condition = self.condition();
            (condition.mute, condition.says)
        };
        match says {
            _ if mute => Err(cut()),
            Some(last) if query.sql.contains("epoch FROM ONLY type::record('log'") => {
                let asked = number(&query);
                Ok(vec![if asked <= Some(last.commit) { json!(last.epoch) } else { Value::Null }])
            }
            _ => self.engine.read(query).await,
        }
    }

    async fn commit(&self, query: Query) -> Result<Answers, Uncommitted> {
        let epoch = query
            .values
            .iter()
            .find(|(name, _)| name == "document")
            .and_then(|(_, document)| document["epoch"].as_u64());
        let fault = {
            let mut condition = self.condition();
            // What goes wrong once goes wrong with the log.
            let next = if epoch.is_some() { condition.next.take() } else { None };
            next.or(condition.every)
        };
        match fault {
            None => return self.engine.commit(query).await,
            Some(Fault::Unsent) => {}
            // Only answers of what was carried out are lost.
            Some(Fault::Unanswered) => drop(self.engine.commit(query).await?),
            Some(Fault::Unsynced) => {
                self.condition().says = number(&query).zip(epoch).map(|(commit, epoch)| Last { commit, epoch });
            }
        }
        self.condition().torn = true;
        Err(Uncommitted::Failed(cut()))
    }

    async fn write_behind(&self, query: Query) -> Result<(), Uncommitted> {
        self.engine.write_behind(query).await?;
        match self.condition().every {
            Some(Fault::Unanswered) => Err(Uncommitted::Failed(cut())),
            _ => Ok(()),
        }
    }

    async fn mend(&self) -> Result<Mended, StoreError> {
        if !self.condition().torn {
            return self.engine.mend().await;
        }
        let mut condition = self.condition();
        if condition.full {
            return Ok(Mended::NotYet(StoreError::NoRoom {
                directory: PathBuf::from("/full"),
                needed: "1 MiB".parse().unwrap(),
            }));
        }
        condition.torn = false;
        condition.says = condition.will_say.take();
        Ok(Mended::Anew)
    }

    async fn maintain(&self) -> Result<(), StoreError> {
        self.engine.maintain().await
    }

    fn blocked(&self) -> Option<StoreError> {
        self.engine.blocked()
    }

    fn check_place(&self) -> Result<(), StoreError> {
        self.engine.check_place()
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.engine.close().await
    }
}
