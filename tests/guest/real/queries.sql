CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INT, city TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
INSERT INTO person SELECT i, 'name' || (i * 7919 % 3001), i * 31 % 90, 'city' || (i % 13) FROM n;
CREATE INDEX by_city ON person(city, age);
SELECT city, count(*), avg(age), min(name), max(name) FROM person GROUP BY city ORDER BY city;
SELECT a.id, b.id FROM person a JOIN person b ON a.city = b.city AND a.age = b.age + 1 WHERE a.id < 20 ORDER BY 1, 2 LIMIT 25;
SELECT id, sum(age) OVER (PARTITION BY city ORDER BY id ROWS 3 PRECEDING) FROM person WHERE id % 250 = 0;
BEGIN;
UPDATE person SET age = age + 1 WHERE city IN ('city1', 'city2');
DELETE FROM person WHERE age > 80;
ROLLBACK;
SELECT count(*), total(age), group_concat(DISTINCT city) FROM person;
CREATE TABLE big(k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
INSERT INTO big SELECT printf('%08x', i * 2654435761 % 4294967296), zeroblob(i % 400) FROM n;
SELECT count(*), sum(length(v)), min(k), max(k) FROM big;
SELECT json_extract('{"a":[1,2,{"b":3.5}]}', '$.a[2].b'), json_group_array(id) FROM (SELECT id FROM person LIMIT 5);
SELECT upper('straße'), substr('häßlich', 2, 3), replace('aXbXc', 'X', '--'), round(2.5), 7 / 2, 7 % -3, 1e308 * 10, hex(zeroblob(3));
SELECT strftime('%Y-%m-%d %H:%M', 86400 * 365.25 * 30, 'unixepoch'), julianday('2000-01-01');
PRAGMA integrity_check;
SELECT nosuch FROM person;
