//! `org.oathd.Oathd1.Enrollment`: the objects of enrollments under way.
