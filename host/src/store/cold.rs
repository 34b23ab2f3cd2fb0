//! The rows that commands name and that the state does not hold.

use std::sync::Arc;

use easel_core::command::Names;
use easel_core::{Cold, Command, State};

use super::{Store, StoreError};

impl Store {
    /// What has to be known besides `state` in order to decide these commands.
    pub async fn cold(&self, state: &State, commands: &[&Command]) -> Result<Cold, StoreError> {
        let mut names = Names::default();
        commands.iter().for_each(|command| command.name_into(&mut names));
        names.jobs.retain(|id| state.job(*id).is_none());

        let keys = self.keys(&names.keys).await?;
        let jobs = self.jobs_by_id(&names.jobs).await?;
        let messages = self.message_heads(&names.messages).await?;
        let mut cold = Cold {
            jobs: jobs.into_iter().map(|job| (job.id, Arc::new(job))).collect(),
            messages: messages.into_iter().collect(),
            keys: keys.into_iter().map(|used| ((used.party.clone(), used.key.clone()), used)).collect(),
        };
        // What these rows lead to.
        let mut more = Names::default();
        commands.iter().for_each(|command| command.name_more(state, &cold, &mut more));
        more.jobs.retain(|id| state.job(*id).is_none() && !cold.jobs.contains_key(id));
        cold.jobs.extend(self.jobs_by_id(&more.jobs).await?.into_iter().map(|job| (job.id, Arc::new(job))));
        Ok(cold)
    }
}
