{# Winograd's transform of the inputs of some rows of tiles: value (i, j) of all tiles of a channel and a block of
   the filter is row ((m + 2) * i + j) * channels * blocks + channel * blocks + block of `v`, the right operand of that
   many matrix products. `table` holds where blocks begin in the padded band of rows (padded_band.wat), whose columns
   are split by phase. First down the columns, then along the rows; vectors hold neighbouring tiles there. Scratch: the
   band, one tile. lo..hi are channels; the first row of tiles is `row`, or `first` in a kernel that is no part of
   another. #}
{% import "macros.wat" as m with context %}
{% import "padded_band.wat" as band with context %}
{% import "winograd_macros.wat" as wino with context %}
{% import "columns_macros.wat" as c with context %}
{% set VB, n = 4 * L, t.m + 2 %}
{# One value for each tile from the runs of pixels $v_x<i>: every m-th pixel, beginning with the first m + 2. #}
{% macro split() %}
{% if L == 1 %}
{% for j in range(n) %}
(local.set $v_d{{ j }} @v_x{{ j }})
{% endfor %}
{% else %}
{% if t.m == 2 %}
(local.set $v_d0 (i8x16.shuffle{{ c.lanes([0, 2, 4, 6]) }} @v_x0 @v_x1))
(local.set $v_d1 (i8x16.shuffle{{ c.lanes([1, 3, 5, 7]) }} @v_x0 @v_x1))
{% else %}
{{ c.turn("v_x0", "v_x1", "v_x2", "v_x3") }}
{% for j in range(4) %}
(local.set $v_d{{ j }} @v_u{{ j }})
{% endfor %}
{% endif %}
(local.set $v_d{{ t.m }} (i8x16.shuffle{{ c.lanes([1, 2, 3, 4]) }} @v_d0 @v_x{{ t.m }}))
(local.set $v_d{{ t.m + 1 }} (i8x16.shuffle{{ c.lanes([1, 2, 3, 5]) }} @v_d1 @v_x{{ t.m }}))
{% endif %}
{% endmacro %}
{% set runs = n if L == 1 else t.m + 1 %}
{{ band.begin(g, "#%d" % (first * t.m) if first is not none else "(i32.mul @row #%d)" % t.m, top, h, stride) }}
(local.set $i_tile (i32.add @scratch #{{ g.plane_bytes }}))
(local.set $i_vp (i32.add @v (i32.mul @lo #{{ blocks * step }})))
{% call m.for("ch", "@lo", "@hi") %}
{{ band.copy(g, "(i32.add @x (i32.mul @i_ch #%d))" % pitch_in) }}
(local.set $i_tab @table)
{% call m.repeat("block", "#%d" % blocks) %}
(local.set $i_a (i32.add @scratch (i32.load @i_tab)))
(local.set $i_v @i_vp)
{% call m.repeat("ty", "#%d" % rows) %}
(local.set $i_s @i_a)
(local.set $i_d @i_v)
{% call m.repeat("q", "#%d" % groups) %}
{% for x in range(runs) %}
{% for i in range(n) %}
(local.set $v_d{{ i }} (V.load offset={{ i * stride * g.row_bytes + VB * x }} @i_s))
{% endfor %}
{{ wino.transform_inputs(t) }}
{% for i in range(n) %}
(V.store offset={{ VB * (i * runs + x) }} @i_tile @v_t{{ i }})
{% endfor %}
{% endfor %}
{% for i in range(n) %}
{% for x in range(runs) %}
(local.set $v_x{{ x }} (V.load offset={{ VB * (i * runs + x) }} @i_tile))
{% endfor %}
{{ split() }}
{{ wino.transform_inputs(t) }}
{% for j in range(n) %}
(V.store offset={{ (n * i + j) * channels * blocks * step }} @i_d @v_t{{ j }})
{% endfor %}
{% endfor %}
{{ m.bump("i_s", t.m * VB) }}
{{ m.bump("i_d", VB) }}
{% endcall %}
{{ m.bump("i_a", t.m * stride * g.row_bytes) }}
{{ m.bump("i_v", 4 * tiles) }}
{% endcall %}
{{ m.bump("i_tab", 4) }}
{{ m.bump("i_vp", step) }}
{% endcall %}
{% endcall %}
