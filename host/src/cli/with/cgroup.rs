//! A control group for one command: what is in it is killed by the kernel at one stroke (`cgroup.kill`, Linux 5.14), also what
//! starts other processes meanwhile.
//!
//! It is made below the group that this process is in, by root or where that group was given to the user. A process gets into it
//! by being started while its parent is there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use uuid::Uuid;

/// A control group.
#[derive(Debug)]
pub(super) struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Makes one, and makes sure that it can be used.
    pub(super) fn make() -> anyhow::Result<Self> {
        let own = own().context("cannot tell which control group this process is in")?;
        let path = own.join(format!("easel-with-{}", Uuid::now_v7().simple()));
        fs::create_dir(&path).with_context(|| format!("cannot make a control group in {}", own.display()))?;
        let cgroup = Self { path };
        let usable = cgroup.try_out();
        if usable.is_err() {
            cgroup.remove();
        }
        usable.map(|()| cgroup)
    }

    fn try_out(&self) -> anyhow::Result<()> {
        ensure!(self.path.join("cgroup.kill").exists(), "this kernel cannot kill a control group");
        self.start(|| Ok(())).context("cannot enter a new control group")?;
        // There is nobody in it any more.
        self.kill().context("cannot kill a control group")
    }

    /// One that is there.
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Enters it, starts something, and leaves it again.
    pub(super) fn start<T>(&self, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let before = self.path.parent().unwrap_or(&self.path);
        // 0: whoever writes it.
        let enter = |group: &Path| fs::write(group.join("cgroup.procs"), "0");
        enter(&self.path)?;
        let started = start();
        // Who killed the command from within would kill itself.
        enter(before)?;
        started
    }

    /// Kills all that is in it, and below it.
    pub(super) fn kill(&self) -> io::Result<()> {
        fs::write(self.path.join("cgroup.kill"), "1")
    }

    /// Takes it away, with the groups that the command has made in it.
    pub(super) fn remove(&self) {
        if let Err(error) = remove(&self.path) {
            tracing::debug!("the control group {} stays: {error}", self.path.display());
        }
    }
}

fn remove(group: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(group) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}

/// The control group of this process, in the file system.
fn own() -> anyhow::Result<PathBuf> {
    let (groups, mounts) = (fs::read_to_string("/proc/self/cgroup")?, fs::read_to_string("/proc/self/mountinfo")?);
    path_of(&groups, &mounts)
}

fn path_of(groups: &str, mounts: &str) -> anyhow::Result<PathBuf> {
    let group = groups.lines().find_map(|line| line.strip_prefix("0::")).context("there are none of version 2")?;
    for mount in mounts.lines() {
        let Some((mount, kind)) = mount.split_once(" - ") else { continue };
        let mut fields = mount.split(' ').skip(3);
        let (Some(root), Some(point)) = (fields.next(), fields.next()) else { continue };
        // What stands escaped (a space in its name) is nobody's file system of control groups.
        if !kind.starts_with("cgroup2 ") || point.contains('\\') {
            continue;
        }
        if let Ok(below) = Path::new(group).strip_prefix(root) {
            return Ok(Path::new(point).join(below));
        }
    }
    bail!("no cgroup2 file system with the group of this process is mounted")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
        24 1 0:22 / /proc rw,relatime - proc proc rw\n\
        30 24 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
        31 24 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";

    #[test]
    fn the_own_group_is_found_where_groups_of_version_2_are_mounted() {
        let path = |groups, mounts| path_of(groups, mounts).ok();
        let scope = "9:name=systemd:/x\n0::/user.slice/a.scope\n";
        assert_eq!(path(scope, MOUNTS), Some("/sys/fs/cgroup/unified/user.slice/a.scope".into()));
        assert_eq!(path("0::/\n", MOUNTS), Some("/sys/fs/cgroup/unified".into()));
        let part = MOUNTS.replace("0:27 / ", "0:27 /user.slice ");
        assert_eq!(path(scope, &part), Some("/sys/fs/cgroup/unified/a.scope".into()));
        assert_eq!(path("0::/system.slice\n", &part), None);
        assert_eq!(path("9:name=systemd:/x\n", MOUNTS), None);
        assert_eq!(path(scope, ""), None);
    }
}
