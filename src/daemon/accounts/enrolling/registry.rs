//! Which enrollments are under way, and how many a user may have.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use zbus::OwnedObjectPath;

use super::Enrollment;
use crate::{
    accounts::{Standing, Who},
    error::Error,
};

/// How many enrollments one user may have under way.
const MOST: usize = 4;

/// How many a realm's service may, and root.
const MOST_OF_A_SERVICE: usize = 64;

/// The enrollments under way.
#[derive(Default)]
pub(crate) struct Enrollments(Mutex<Places>);

/// Whose enrollment is at which object path; that of one that has not begun is empty.
type Places = HashMap<OwnedObjectPath, (u32, Option<Arc<Enrollment>>)>;

/// A place among the enrollments, given back unless it is filled.
pub(super) struct Place<'a> {
    enrollments: &'a Enrollments,
    pub(super) path: OwnedObjectPath,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut all = self.enrollments.lock();
        if all
            .get(&self.path)
            .is_some_and(|(_, begun)| begun.is_none())
        {
            all.remove(&self.path);
        }
    }
}

impl Enrollments {
    /// Takes a place.
    pub(super) fn reserve(&self, path: OwnedObjectPath, who: &Who) -> Result<Place<'_>, Error> {
        let most = match who.standing {
            Standing::Owner => MOST,
            Standing::Realm | Standing::Root => MOST_OF_A_SERVICE,
        };
        let mut all = self.lock();
        let theirs = all.values().filter(|(uid, _)| *uid == who.caller_uid);
        if theirs.count() >= most {
            return Err(Error::limits_exceeded("this user has too many enrollments"));
        }
        all.insert(path.clone(), (who.caller_uid, None));
        drop(all);
        Ok(Place {
            enrollments: self,
            path,
        })
    }

    pub(super) fn fill(&self, enrollment: &Arc<Enrollment>) {
        if let Some((_, begun)) = self.lock().get_mut(&enrollment.path) {
            *begun = Some(Arc::clone(enrollment));
        }
    }

    pub(super) fn remove(&self, path: &OwnedObjectPath) {
        self.lock().remove(path);
    }

    /// Whether none is under way.
    pub(crate) fn are_none(&self) -> bool {
        self.lock().is_empty()
    }

    pub(super) fn all(&self) -> Vec<Arc<Enrollment>> {
        let all = self.lock();
        all.values()
            .filter_map(|(_, begun)| begun.clone())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        // Every change is one call of the map, so a poisoned map is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use oathd_api::names::ENROLLMENT_PATH;
    use oathd_core::CallerClass;

    use super::*;

    fn who(standing: Standing, caller_uid: u32) -> Who {
        Who {
            account: "alice".parse().unwrap(),
            standing,
            class: CallerClass::OwnPrograms,
            service: String::new(),
            caller_uid,
            uid: Some(caller_uid),
        }
    }

    fn path(number: usize) -> OwnedObjectPath {
        format!("{ENROLLMENT_PATH}/{number}").try_into().unwrap()
    }

    #[test]
    fn one_user_has_so_many_and_no_fewer_after_them() {
        for (standing, most) in [
            (Standing::Owner, MOST),
            (Standing::Realm, MOST_OF_A_SERVICE),
            (Standing::Root, MOST_OF_A_SERVICE),
        ] {
            let enrollments = Enrollments::default();
            let reserve = |number| enrollments.reserve(path(number), &who(standing, 7));
            let mut places: Vec<_> = (0..most).map(|number| reserve(number).ok()).collect();
            assert!(places.iter().all(Option::is_some) && reserve(most).is_err());
            let other = enrollments.reserve(path(most), &who(standing, 8));
            assert!(other.is_ok());
            places.pop();
            assert!(reserve(most + 1).is_ok());
            drop(other);
            drop(places);
            assert!(enrollments.lock().is_empty() && enrollments.all().is_empty());
        }
    }
}
