-- Passwords of the roles, from the environment: `psql -f sql/passwords.sql` as superuser, after
-- cluster.sql. Safe to repeat. (psql's own commands; the local stack does the same by itself.)
\getenv owner OWNER_PASSWORD
\getenv writer WRITER_PASSWORD
\getenv reader READER_PASSWORD
\getenv app APP_PASSWORD
\getenv tap TAP_PASSWORD
ALTER ROLE mars_owner LOGIN PASSWORD :'owner';
ALTER ROLE mars_writer LOGIN PASSWORD :'writer';
ALTER ROLE mars_reader LOGIN PASSWORD :'reader';
ALTER ROLE mars_app LOGIN PASSWORD :'app';
ALTER ROLE mars_tap LOGIN PASSWORD :'tap';
