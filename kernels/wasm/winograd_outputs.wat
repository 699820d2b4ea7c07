{# Winograd's transform of sums to outputs, for some rows of tiles: see winograd_inputs.wat for how sums lie. Then the
   epilogue. `valid` columns of the last group of tiles of a row are inside the image of `height` by `width`; nothing
   outside is written. Scratch: one tile. lo..hi are output channels. #}
{% import "macros.wat" as m with context %}
{% import "winograd_macros.wat" as wino with context %}
{% import "columns_macros.wat" as c with context %}
{% set VB, n = 4 * L, t.m + 2 %}
{# From one value for each tile, $v_t<i>, to runs of pixels, $v_u<i>. #}
{% macro join() %}
{% if L == 1 %}
{% for j in range(t.m) %}
(local.set $v_u{{ j }} @v_t{{ j }})
{% endfor %}
{% elif t.m == 2 %}
(local.set $v_u0 (i8x16.shuffle{{ c.lanes([0, 4, 1, 5]) }} @v_t0 @v_t1))
(local.set $v_u1 (i8x16.shuffle{{ c.lanes([2, 6, 3, 7]) }} @v_t0 @v_t1))
{% else %}
{{ c.turn("v_t0", "v_t1", "v_t2", "v_t3") }}
{% endif %}
{% endmacro %}
{# The epilogue on run x of row i, of which `count` pixels are stored. #}
{% macro finish(i, x, count) %}
{% set at = i * 4 * width + VB * x %}
{% set leaves = ["(V.add @v_u%d @v_e%d)" % (x, e.initial) if e.initial >= 0 else "@v_u%d" % x] %}
{% for kind in e.operands %}
{% do leaves.append("@v_e%d" % loop.index0 if kind == "channel" else "(V.load offset=%d @i_o%d)" % (at, loop.index0)) %}
{% endfor %}
{% set value = expr(e.expr, *leaves) %}
{% if L == 1 %}
(f32.store offset={{ at }} @i_cp {{ value }})
{% else %}
{{ c.store_part(count, at, "@i_cp", value) }}
{% endif %}
{% endmacro %}
{# One group of tiles. #}
{% macro group(columns) %}
{% for j in range(n) %}
{% for i in range(n) %}
(local.set $v_d{{ i }} (V.load offset={{ (n * i + j) * channels * step }} @i_s))
{% endfor %}
{{ wino.transform_outputs(t) }}
{% for i in range(t.m) %}
(V.store offset={{ VB * (i * n + j) }} @scratch @v_t{{ i }})
{% endfor %}
{% endfor %}
(local.set $i_cp (i32.add @c @i_co))
{{ m.operand_pointers(e, "@i_n") }}
(block $E_rows
{% for i in range(t.m) %}
{% if i and height % t.m %}
(br_if $E_rows (i32.ge_u @i_y #{{ height - i }}))
{% endif %}
{% for j in range(n) %}
(local.set $v_d{{ j }} (V.load offset={{ VB * (i * n + j) }} @scratch))
{% endfor %}
{{ wino.transform_outputs(t) }}
{{ join() }}
{% for x in range(t.m) %}
{% if L * x < columns %}
{{ finish(i, x, [L, columns - L * x] | min) }}
{% endif %}
{% endfor %}
{% endfor %}
)
{{ m.bump("i_s", VB) }}
{{ m.bump("i_co", t.m * VB) }}
{{ m.bump("i_po", t.m * VB) }}
{% endmacro %}
{% call m.for("n", "@lo", "@hi") %}
{% for kind in e.operands %}
{% if kind == "channel" %}
(local.set $v_e{{ loop.index0 }} (V.splat_load (i32.add @op{{ loop.index0 }} (i32.shl @i_n #2))))
{% endif %}
{% endfor %}
(local.set $i_row (i32.add @sums (i32.mul @i_n #{{ step }})))
(local.set $i_y {{ "#%d" % (first * t.m) if first is not none else "(i32.mul @row #%d)" % t.m }})
{% call m.repeat("ty", "#%d" % rows) %}
(local.set $i_s @i_row)
(local.set $i_po (i32.mul @i_y #{{ 4 * width }}))
(local.set $i_co (i32.add @i_po (i32.mul @i_n #{{ pitch_out }})))
{% if groups > 1 %}
{% call m.repeat("q", "#%d" % (groups - 1)) %}
{{ group(t.m * L) }}
{% endcall %}
{% endif %}
{{ group(valid) }}
{{ m.bump("i_row", 4 * tiles) }}
{{ m.bump("i_y", t.m) }}
{% endcall %}
{% endcall %}
