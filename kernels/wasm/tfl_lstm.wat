{# Steps of a long short-term memory in TensorFlow Lite's bytes. `of_x` and `of_h` are what the sums of each gate (input,
   forget, cell, output) are multiplied by to be Q3.12; the memory has `bits` integer bits, and stays within `clip` where
   that is not 0. Rows of weights are `pitch` bytes long. lo..hi are batches. #}
{% import "macros.wat" as m with context %}
{% import "tfl_scalar.wat" as t with context %}
{% import "tfl_recurrent_macros.wat" as r with context %}
{# Every gate of every unit, in 16 bits in scratch, gate by gate. #}
{% macro gates() %}
(local.set $i_w @w)
(local.set $i_b @bias)
(local.set $i_to @scratch)
{% for g in range(4) %}
{% call m.repeat("u", "#%d" % units) %}
(local.set $i_p @i_x)
{{ r.row_sum("s", depth, pitch, x_zero) }}
(local.set $l_s (i64.add @l_s (i64.load32_s @i_b)))
{{ t.rescale("s", of_x[g][0], of_x[g][1]) }}
{{ r.short("s") }}
(i64.store16 @i_to @l_s)
{{ m.bump("i_b", 4) }}
{{ m.bump("i_to", 2) }}
{% endcall %}
{% endfor %}
(local.set $i_w @rw)
(local.set $i_to @scratch)
{% for g in range(4) %}
{% call m.repeat("u", "#%d" % units) %}
(local.set $i_p @i_h)
{{ r.row_sum("s", units, h_pitch, h_zero) }}
{{ t.rescale("s", of_h[g][0], of_h[g][1]) }}
{{ r.short("s") }}
(local.set $l_s (i64.add @l_s (i64.load16_s @i_to)))
{{ r.short("s") }}
(i64.store16 @i_to @l_s)
{{ m.bump("i_to", 2) }}
{% endcall %}
{% endfor %}
{% endmacro %}
{% call m.for("n", "@lo", "@hi") %}
(local.set $i_x (i32.add @x (i32.mul @i_n #{{ steps * depth }})))
(local.set $i_y (i32.add @c (i32.mul @i_n #{{ steps * units }})))
(local.set $i_h (i32.add @h (i32.mul @i_n #{{ units }})))
(local.set $i_c (i32.add @memory (i32.mul @i_n #{{ 2 * units }})))
(memory.copy @i_h (i32.add @h0 (i32.mul @i_n #{{ units }})) #{{ units }})
(memory.copy @i_c (i32.add @c0 (i32.mul @i_n #{{ 2 * units }})) #{{ 2 * units }})
{% call m.repeat("step", "#%d" % steps) %}
{{ gates() }}
{% call m.repeat("u", "#%d" % units) %}
(local.set $i_to (i32.add @scratch (i32.shl (i32.sub #{{ units }} @i_u) #1)))
(local.set $i_at (i32.add @i_c (i32.shl (i32.sub #{{ units }} @i_u) #1)))
(local.set $l_in (i64.load16_s @i_to))
(local.set $l_forget (i64.load16_s offset={{ 2 * units }} @i_to))
(local.set $l_new (i64.load16_s offset={{ 4 * units }} @i_to))
(local.set $l_out (i64.load16_s offset={{ 6 * units }} @i_to))
{{ r.sigmoid("in", 3, k) }}
{{ r.sigmoid("forget", 3, k) }}
{{ r.sigmoid("out", 3, k) }}
{{ r.tanh("new", 3, k) }}
(local.set $l_m (i64.mul @l_forget (i64.load16_s @i_at)))
{{ t.rounding_shift("m", "(i64.const 15)") }}
(local.set $l_new (i64.mul @l_in @l_new))
{{ t.rounding_shift("new", "(i64.const %d)" % (15 + bits)) }}
(local.set $l_m (i64.add @l_m @l_new))
{{ r.short("m") }}
{% if clip %}
{{ t.clamp("m", -clip, clip) }}
{% endif %}
(i64.store16 @i_at @l_m)
{{ r.tanh("m", bits, k) }}
(local.set $l_m (i64.mul @l_out @l_m))
{{ t.rescale("m", hidden[0], hidden[1]) }}
(local.set $l_m (i64.add @l_m (i64.const {{ hidden_zero }})))
{{ t.clamp("m", -128, 127) }}
(i64.store8 @i_y @l_m)
{{ m.bump("i_y", 1) }}
{% endcall %}
(memory.copy @i_h (i32.sub @i_y #{{ units }}) #{{ units }})
{{ m.bump("i_x", depth) }}
{% endcall %}
{% endcall %}
