{# A few rows times the transpose of a matrix that is no constant: c[m][n] = epilogue(sum_k a[m][k] * w[n][k]). Each
   result is a product of two runs of k floats, vectors over k; `outputs` of them are summed at once, the last ones
   perhaps again. lo..hi are blocks of `outputs`. #}
{% import "macros.wat" as m with context %}
{% import "columns_macros.wat" as columns with context %}
{% set VB = 4 * L %}
{# One step along k, whole vectors or the rest of them. #}
{% macro step(count) %}
{% for r in range(rows) %}
(local.set $v_a{{ r }} {{ "(V.load offset=%d @i_a)" % (4 * k * r) if count == L else columns.load_part(count, 4 * k * r, "@i_a") }})
{% endfor %}
{% for o in range(outputs) %}
(local.set $v_w {{ "(V.load offset=%d @i_w)" % (4 * k * o) if count == L else columns.load_part(count, 4 * k * o, "@i_w") }})
{% for r in range(rows) %}
{{ m.madd("v_c%d_%d" % (r, o), "@v_w", "@v_a%d" % r, false) }}
{% endfor %}
{% endfor %}
{% endmacro %}
{% macro finish(r, o, value) %}
{% set leaves = [value] %}
{% for kind in e.operands %}
{% set at = 4 * o + (0 if kind == "channel" else 4 * n * r) %}
{% do leaves.append("(V.load offset=%d (i32.add @op%d @i_at))" % (at, loop.index0)) %}
{% endfor %}
(V.store offset={{ 4 * (n * r + o) }} (i32.add @c @i_at) {{ expr(e.expr, *leaves) }})
{% endmacro %}
{% call m.for("g", "@lo", "@hi") %}
(local.set $i_o (i32.mul @i_g #{{ outputs }}))
(if (i32.gt_u @i_o #{{ n - outputs }}) (then (local.set $i_o #{{ n - outputs }})))
(local.set $i_at (i32.shl @i_o #2))
(local.set $i_a @a)
(local.set $i_w (i32.add @w (i32.mul @i_o #{{ 4 * k }})))
{% for r in range(rows) %}
{% for o in range(outputs) %}
(local.set $v_c{{ r }}_{{ o }} {{ vconst(0) }})
{% endfor %}
{% endfor %}
{% if k // L %}
{% call m.repeat("k", "#%d" % (k // L)) %}
{{ step(L) }}
{{ m.bump("i_a", VB) }}
{{ m.bump("i_w", VB) }}
{% endcall %}
{% endif %}
{% if k % L %}
{{ step(k % L) }}
{% endif %}
{% for r in range(rows) %}
{% for o in range(0, outputs, L) %}
{% if L > 1 %}
{{ columns.turn("v_c%d_%d" % (r, o), "v_c%d_%d" % (r, o + 1), "v_c%d_%d" % (r, o + 2), "v_c%d_%d" % (r, o + 3)) }}
(local.set $v_sum (V.add (V.add @v_u0 @v_u1) (V.add @v_u2 @v_u3)))
{{ finish(r, o, "@v_sum") }}
{% else %}
{{ finish(r, o, "@v_c%d_%d" % (r, o)) }}
{% endif %}
{% endfor %}
{% endfor %}
{% endcall %}
