{# A few rows times a matrix that is no constant: c[m][n] = epilogue(sum_k a[m][k] * w[k][n]). Nothing is laid out anew:
   `depth` rows of w are read at a time, and the sums wait in the result. lo..hi are blocks of `block` columns. #}
{% import "macros.wat" as m with context %}
{% import "columns_macros.wat" as columns with context %}
{% set VB = 4 * L %}
{# One vector of columns at $i_w and $i_c; of the last one only `valid` are columns of these rows. #}
{% macro vector(rows_of_w, first, last, valid) %}
{% for r in range(rows) %}
(local.set $v_c{{ r }} {{ vconst(0) if first else "(V.load offset=%d @i_c)" % (4 * n * r) }})
{% endfor %}
{% for j in range(rows_of_w) %}
(local.set $v_w (V.load offset={{ 4 * n * j }} @i_w))
{% for r in range(rows) %}
{{ m.madd("v_c%d" % r, "@v_w", "@v_a%d_%d" % (r, j), false) }}
{% endfor %}
{% endfor %}
{% for r in range(rows) %}
{% set leaves = ["@v_c%d" % r] %}
{% for kind in e.operands %}
{% set at = 0 if kind == "channel" else 4 * n * r %}
{% do leaves.append("(V.load offset=%d (i32.add @op%d (i32.sub @i_c @c)))" % (at, loop.index0)) %}
{% endfor %}
{% set value = expr(e.expr, *leaves) if last else "@v_c%d" % r %}
{% if valid < L %}
{{ columns.store_part(valid, 4 * n * r, "@i_c", value) }}
{% else %}
(V.store offset={{ 4 * n * r }} @i_c {{ value }})
{% endif %}
{% endfor %}
{% endmacro %}
{% macro some_rows(rows_of_w, first, last) %}
{% for r in range(rows) %}
{% for j in range(rows_of_w) %}
(local.set $v_a{{ r }}_{{ j }} (V.splat_load offset={{ 4 * (k * r + j) }} @i_a))
{% endfor %}
{% endfor %}
(local.set $i_w @i_line)
(local.set $i_c @i_out)
(local.set $i_v @i_count)
(if @i_v (then (loop $L_v
{{ vector(rows_of_w, first, last, L) }}
{{ m.bump("i_w", VB) }}
{{ m.bump("i_c", VB) }}
(br_if $L_v (local.tee $i_v (i32.sub @i_v #1))))))
{% if n % L %}
(if (i32.eq @i_end #{{ n }}) (then
{{ vector(rows_of_w, first, last, n % L) }}
))
{% endif %}
{{ m.bump("i_a", 4 * rows_of_w) }}
{{ m.bump("i_line", 4 * n * rows_of_w) }}
{% endmacro %}
{% set start = k % depth or depth %}
{% set steps = (k - start) // depth %}
{% call m.for("g", "@lo", "@hi") %}
(local.set $i_from (i32.mul @i_g #{{ block }}))
(local.set $i_end (i32.add @i_from #{{ block }}))
(if (i32.gt_u @i_end #{{ n }}) (then (local.set $i_end #{{ n }})))
(local.set $i_count (i32.div_u (i32.sub @i_end @i_from) #{{ L }}))
(local.set $i_a @a)
(local.set $i_line (i32.add @w (i32.shl @i_from #2)))
(local.set $i_out (i32.add @c (i32.shl @i_from #2)))
{{ some_rows(start, true, steps == 0) }}
{% if steps > 1 %}
{% call m.repeat("k", "#%d" % (steps - 1)) %}
{{ some_rows(depth, false, false) }}
{% endcall %}
{% endif %}
{% if steps %}
{{ some_rows(depth, false, true) }}
{% endif %}
{% endcall %}
