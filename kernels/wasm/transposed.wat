{# Transposed convolution: every input pixel times the filters is a patch of products, and patches that overlap are
   summed. For a group of channels part 0 makes the products as planes in scratch, one for each tap; then each row of the
   output starts at the bias, gathers the rows of products that meet it, and is finished by the epilogue. With `phases` 2
   its even and odd columns stand apart while they are summed, so that vectors are added also where products meet every
   second column. `runs` are those of a row of taps: byte offset among the products, byte offset in the row, length.
   Scratch: what part 0 needs, the products, the row. With `pieces` the pixels are splat for part 0 first, see
   columns.wat. lo..hi are groups of `channels`, of `groups` groups of part 0. #}
{% import "macros.wat" as m with context %}
{% set VB = 4 * L %}
{% set vectors = (width + L - 1) // L %}
{% set wide = 4 * L %}
{# Adds `count` values of a type, one by one. #}
{% macro add(count, type, bytes) %}
{% for x in range(count) %}
({{ type }}.store offset={{ bytes * x }} @i_to ({{ type }}.add ({{ type }}.load offset={{ bytes * x }} @i_to) ({{ type }}.load offset={{ bytes * x }} @i_from)))
{% endfor %}
{{ m.bump("i_to", bytes * count) }}
{{ m.bump("i_from", bytes * count) }}
{% endmacro %}
{# Adds n products, one for each column of a phase. #}
{% macro add_run(n) %}
{% if n // wide %}
{% call m.repeat("v", "#%d" % (n // wide)) %}
{{ add(4, "V", VB) }}
{% endcall %}
{% endif %}
{{ add(n % wide // L, "V", VB) }}
{{ add(n % L, "f32", 4) }}
{% endmacro %}
{# Adds n products, one for every column of `apart`. #}
{% macro add_apart(n) %}
{% call m.repeat("v", "#%d" % n) %}
(f32.store @i_to (f32.add (f32.load @i_to) (f32.load @i_from)))
{{ m.bump("i_to", 4 * apart) }}
{{ m.bump("i_from", 4) }}
{% endcall %}
{% endmacro %}
{# Finishes and stores `count` vectors of the row. #}
{% macro finish(count) %}
{{ m.operand_pointers(e, "@i_n") }}
(local.set $i_cp (i32.add @c @i_co))
{{ m.store_tile(count, 1, pitch_out, e, range(0, VB * count, VB) | list) }}
{{ m.bump("i_co", VB * count) }}
{{ m.bump("i_po", VB * count) }}
{% endmacro %}
{# Takes up `count` (1 or 2) vectors of the row. #}
{% macro take(count) %}
{% if phases == 2 %}
(local.set $v_even (V.load @i_s))
(local.set $v_odd (V.load offset={{ 4 * phase_floats }} @i_s))
(local.set $v_c0_0 (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 @v_even @v_odd))
(local.set $v_c1_0 (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 @v_even @v_odd))
{{ m.bump("i_s", VB) }}
{% else %}
{% for x in range(count) %}
(local.set $v_c{{ x }}_0 (V.load offset={{ VB * x }} @i_s))
{% endfor %}
{{ m.bump("i_s", VB * count) }}
{% endif %}
{% endmacro %}
{% if pieces %}
{% import "columns_macros.wat" as c with context %}
{{ c.splat_all(pieces, k, pitch_in) }}
{% endif %}
(local.set $i_products (i32.add @scratch #{{ products }}))
(local.set $i_row (i32.add @i_products #{{ channels * kh * row_of_taps }}))
{% call m.for("g", "@lo", "@hi") %}
(local.set $i_n (i32.mul @i_g #{{ channels }}))
(local.set $i_first (i32.mul @i_g #{{ groups }}))
(call $part0 @i_first (i32.add @i_first #{{ groups }}) @scratch @a @w (i32.sub @i_products (i32.mul @i_n #{{ kh * row_of_taps }})))
(local.set $i_planes @i_products)
{% call m.repeat("channel", "#%d" % channels) %}
(local.set $v_start {{ vconst(0) if e.initial < 0 else "(V.splat_load (i32.add @op%d (i32.shl @i_n #2)))" % e.initial }})
(local.set $i_rc (i32.mul @i_n #{{ pitch_out }}))
(local.set $i_rp #0)
(local.set $i_u #{{ top }})
{% call m.repeat("y", "#%d" % height) %}
(local.set $i_f @i_row)
{{ m.fill("f", phases * phase_floats, "@v_start", L) }}
(local.set $i_t @i_u)
(local.set $i_taps @i_planes)
{% call m.repeat("ky", "#%d" % kh) %}
{# $i_t is `stride` times the input row that this row of taps brings here, if there is one. #}
(if (i32.and (i32.lt_u @i_t #{{ h * stride }}) (i32.eqz (i32.rem_u @i_t #{{ stride }}))) (then
(local.set $i_src (i32.add @i_taps (i32.mul (i32.div_u @i_t #{{ stride }}) #{{ 4 * w }})))
{% for from, to, n in runs %}
(local.set $i_from (i32.add @i_src #{{ from }}))
(local.set $i_to (i32.add @i_row #{{ to }}))
{{ add_run(n) if apart == 1 else add_apart(n) }}
{% endfor %}
))
{{ m.bump("i_t", -dilation) }}
{{ m.bump("i_taps", row_of_taps) }}
{% endcall %}
(local.set $i_s @i_row)
(local.set $i_co @i_rc)
(local.set $i_po @i_rp)
{% if vectors // 2 %}
{% call m.repeat("x", "#%d" % (vectors // 2)) %}
{{ take(2) }}
{{ finish(2) }}
{% endcall %}
{% endif %}
{% if vectors % 2 %}
{{ take(1) }}
{{ finish(1) }}
{% endif %}
{{ m.bump("i_rc", 4 * width) }}
{{ m.bump("i_rp", 4 * width) }}
{{ m.bump("i_u", 1) }}
{% endcall %}
{{ m.bump("i_planes", kh * row_of_taps) }}
{{ m.bump("i_n", 1) }}
{% endcall %}
{% endcall %}
