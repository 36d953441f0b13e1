-- $1 the key, $2 where to begin, $3 where to end, $4 characters before the names of entries, $5 how many.
WITH RECURSIVE level (path, folder, size, digest, number) AS (
    (SELECT a.path, f.folder, a.size, a.digest, 1
     FROM {entries} a
     CROSS JOIN LATERAL (SELECT CASE WHEN strpos(substr(a.path, $4 + 1), '/') > 0
         THEN left(a.path, $4 - 1 + strpos(substr(a.path, $4 + 1), '/')) END AS folder) f
     WHERE a.{key} = $1 AND a.path >= $2 AND ($3::text IS NULL OR a.path < $3)
     ORDER BY a.path LIMIT 1)
    UNION ALL
    SELECT n.path, n.folder, n.size, n.digest, l.number + 1
    FROM level l
    CROSS JOIN LATERAL (
        SELECT a.path, f.folder, a.size, a.digest
        FROM {entries} a
        CROSS JOIN LATERAL (SELECT CASE WHEN strpos(substr(a.path, $4 + 1), '/') > 0
            THEN left(a.path, $4 - 1 + strpos(substr(a.path, $4 + 1), '/')) END AS folder) f
        -- After a folder comes what is not below it; after a file, what is longer than it.
        WHERE a.{key} = $1 AND a.path >= coalesce(l.folder || '0', l.path || E'\x01')
            AND ($3::text IS NULL OR a.path < $3)
        ORDER BY a.path LIMIT 1) n
    WHERE l.number < $5)
SELECT path, folder, size, digest FROM level ORDER BY number
