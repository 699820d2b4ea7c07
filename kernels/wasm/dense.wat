{# Matrix product on row-major operands: c[m][n] = epilogue(sum_k a[m][k] * w[k][n]), vectors over n. The weights come
   in panels of `panel` columns, [n / panel][k][panel], zero-padded, so they stream. lo..hi are panels. #}
{% import "macros.wat" as m with context %}
{% set VB = 4 * L %}
{% macro store(r, v, valid) %}
{% set at = v * VB + r * 4 * n %}
{% set leaves = ["@v_c%d_%d" % (v, r)] %}
{% for kind in e.operands %}
{% do leaves.append("(V.load offset=%d @i_o%d)" % (v * VB if kind == "channel" else at, loop.index0)) %}
{% endfor %}
{% if valid >= L %}
(V.store offset={{ at }} @i_cp {{ expr(e.expr, *leaves) }})
{% elif valid > 0 %}
(local.set $v_r {{ expr(e.expr, *leaves) }})
{% for lane in range(valid) %}
(f32.store offset={{ at + 4 * lane }} @i_cp (f32x4.extract_lane {{ lane }} @v_r))
{% endfor %}
{% endif %}
{% endmacro %}
{% macro tile(mr, columns) %}
{% set nv = (columns + L - 1) // L %}
{{ m.start_tile(nv, mr, e) }}
(local.set $i_ak @i_a)
(local.set $i_pk @i_w)
(block $E_k
{% call m.repeat("k", "#%d" % k) %}
{% if mr == 1 %}
{# Each weight is used once, so it is best loaded where it is used. #}
(local.set $v_a (V.splat_load @i_ak))
{% for v in range(nv) %}
{{ m.madd("v_c%d_0" % v, "(V.load offset=%d @i_pk)" % (VB * v), "@v_a", relaxed) }}
{{ m.cut("k") }}
{% endfor %}
{% else %}
{% for v in range(nv) %}
(local.set $v_w{{ v }} (V.load offset={{ VB * v }} @i_pk))
{% endfor %}
{% for r in range(mr) %}
(local.set $v_a (V.splat_load offset={{ 4 * k * r }} @i_ak))
{% for v in range(nv) %}
{{ m.madd("v_c%d_%d" % (v, r), "@v_a", "@v_w%d" % v, relaxed) }}
{% endfor %}
{% endfor %}
{% endif %}
{{ m.bump("i_ak", 4) }}
{{ m.bump("i_pk", 4 * panel) }}
{% endcall %}
)
(local.set $i_cp (i32.add @c @i_co))
{{ m.operand_pointers(e, "@i_n") }}
{% for r in range(mr) %}
{% for v in range(nv) %}
{{ store(r, v, columns - v * L) }}
{% endfor %}
{% endfor %}
{{ m.bump("i_a", 4 * k * mr) }}
{{ m.bump("i_co", 4 * n * mr) }}
{% endmacro %}
{% macro panel_rows(columns) %}
(local.set $i_a @a)
(local.set $i_co (i32.shl @i_n #2))
{% if rows // row_tile %}
{% call m.repeat("m", "#%d" % (rows // row_tile)) %}
{{ tile(row_tile, columns) }}
{% endcall %}
{% endif %}
{% if rows % row_tile %}
{{ tile(rows % row_tile, columns) }}
{% endif %}
{% endmacro %}
(local.set $i_never (i32.load #0))
{% call m.for("g", "@lo", "@hi") %}
(local.set $i_n (i32.mul @i_g #{{ panel }}))
(local.set $i_w (i32.add @w (i32.mul @i_g #{{ 4 * panel * k }})))
{% if n % panel %}
(if (i32.eq @i_g #{{ n // panel }}) (then
{{ panel_rows(n % panel) }}
) (else
{{ panel_rows(panel) }}
))
{% else %}
{{ panel_rows(panel) }}
{% endif %}
{% endcall %}
