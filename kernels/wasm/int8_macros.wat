{# Shared by the integer kernels. Vectors of accumulators are i32x4 in $v_..., scalars $i_... #}
{% import "macros.wat" as m with context %}

{# Sixteen equal bytes, eight equal 16-bit or four equal 32-bit integers. #}
{% macro bytes(value) %}(v128.const i8x16{{ (" %d" % value) * 16 }}){% endmacro %}
{% macro shorts(value) %}(v128.const i16x8{{ (" %d" % value) * 8 }}){% endmacro %}
{% macro words(value) %}(v128.const i32x4{{ (" %d" % value) * 4 }}){% endmacro %}

{# Copies or fills `n` bytes, with pieces as wide as they come; long runs are loops. $i_from is moved by copy_bytes of a
   long run, so callers set it each time. #}
{% macro copy_bytes(dst, src, n, at=0) %}
{% if n >= 128 %}
(local.set $i_cpd {{ dst }})
(local.set $i_cps {{ src }})
{% call m.repeat("cpn", "#%d" % (n // 64)) %}
{% for x in range(0, 64, 16) if L > 1 %}
(v128.store offset={{ at + x }} @i_cpd (v128.load offset={{ x }} @i_cps))
{% endfor %}
{% for x in range(0, 64, 8) if L == 1 %}
(i64.store offset={{ at + x }} @i_cpd (i64.load offset={{ x }} @i_cps))
{% endfor %}
{{ m.bump("i_cpd", 64) }}
{{ m.bump("i_cps", 64) }}
{% endcall %}
{{ copy_short("@i_cpd", "@i_cps", n % 64, at) }}
{% else %}
{{ copy_short(dst, src, n, at) }}
{% endif %}
{% endmacro %}

{% macro copy_short(dst, src, n, at) %}
{% set done = namespace(n=0) %}
{% for size, load, store in ((16, "v128.load", "v128.store"), (8, "i64.load", "i64.store"), (4, "i32.load", "i32.store"), (2, "i32.load16_u", "i32.store16"), (1, "i32.load8_u", "i32.store8")) %}
{% if size < 16 or L > 1 %}
{% for _ in range((n - done.n) // size) %}
({{ store }} offset={{ at + done.n }} {{ dst }} ({{ load }} offset={{ done.n }} {{ src }}))
{% set done.n = done.n + size %}
{% endfor %}
{% endif %}
{% endfor %}
{% endmacro %}

{# Requantizes accumulators $v_<a> and $v_<b> of eight channels, whose multipliers are at $i_mp + at, into the 16-bit
   integers $v_<out>. The rounding of the shift is in the accumulators already. #}
{% macro shorten(out, a, b, shift, zero, at) %}
{% set da = "(i32x4.shr_s @v_%s #%d)" % (a, shift) if shift else "@v_%s" % a %}
{% set db = "(i32x4.shr_s @v_%s #%d)" % (b, shift) if shift else "@v_%s" % b %}
(local.set $v_{{ out }} (i16x8.relaxed_q15mulr_s (i16x8.narrow_i32x4_s {{ da }} {{ db }}) (v128.load offset={{ at }} @i_mp)))
{% if zero %}
(local.set $v_{{ out }} (i16x8.add_sat_s @v_{{ out }} {{ shorts(zero) }}))
{% endif %}
{% endmacro %}

{# Sixteen activations from twice eight 16-bit integers. #}
{% macro pack(a, b) %}(i8x16.min_u (i8x16.narrow_i16x8_u {{ a }} {{ b }}) {{ bytes(127) }}){% endmacro %}

{# Clamps the integer $i_<name>. #}
{% macro clamp(name, low, high) %}
(local.set $i_{{ name }} (select @i_{{ name }} #{{ low }} (i32.gt_s @i_{{ name }} #{{ low }})))
(local.set $i_{{ name }} (select @i_{{ name }} #{{ high }} (i32.lt_s @i_{{ name }} #{{ high }})))
{% endmacro %}

{# Requantizes the scalar accumulator $i_<name>; `multiplier` is text. #}
{% macro requantize(name, shift, zero, multiplier) %}
(local.set $i_{{ name }} (i32.shr_s @i_{{ name }} #{{ shift }}))
{{ clamp(name, -32768, 32767) }}
(local.set $i_{{ name }} (i32.add #{{ zero }} (i32.shr_s (i32.add #16384 (i32.mul @i_{{ name }} {{ multiplier }})) #15)))
{{ clamp(name, 0, 127) }}
{% endmacro %}

{# Stores `n` bytes of $v_<name> from the first or the ninth on, or all 16. #}
{% macro store_bytes(ptr, name, n, first=0) %}
{% if n >= 16 %}
(v128.store {{ ptr }} @v_{{ name }})
{% else %}
{% set done = namespace(n=0) %}
{% for size in (8, 4, 2, 1) %}
{% if n - done.n >= size %}
(v128.store{{ 8 * size }}_lane offset={{ done.n }} {{ (first + done.n) // size }} {{ ptr }} @v_{{ name }})
{% set done.n = done.n + size %}
{% endif %}
{% endfor %}
{% endif %}
{% endmacro %}

{# $i_<name> = min(index * step, last) #}
{% macro start(name, index, step, last) %}
(local.set $i_{{ name }} (i32.mul {{ index }} #{{ step }}))
(local.set $i_{{ name }} (select @i_{{ name }} #{{ last }} (i32.lt_u @i_{{ name }} #{{ last }})))
{% endmacro %}
{# Collects the window of output pixel $i_row of the image at $a into $i_to: window rows one after the other, padding is
   the input's zero. #}
{% macro gather_row(g, ch, zero) %}
(local.set $i_ox (i32.rem_u @i_row #{{ g.out_w }}))
(local.set $i_oy (i32.div_u @i_row #{{ g.out_w }}))
(local.set $i_image (i32.mul (i32.div_u @i_oy #{{ g.out_h }}) #{{ g.in_h * g.in_w * ch }}))
(local.set $i_oy (i32.sub (i32.mul (i32.rem_u @i_oy #{{ g.out_h }}) #{{ g.stride[0] }}) #{{ g.top }}))
(local.set $i_ox (i32.sub (i32.mul @i_ox #{{ g.stride[1] }}) #{{ g.left }}))
{% for ky in range(g.kh) %}
{% set at = ky * g.kw * ch %}
(local.set $i_iy (i32.add @i_oy #{{ ky * g.dilation[0] }}))
(if (i32.lt_u @i_iy #{{ g.in_h }}) (then
(local.set $i_from (i32.add (i32.add @a @i_image) (i32.mul #{{ ch }} (i32.add @i_ox (i32.mul @i_iy #{{ g.in_w }})))))
{% if g.dilation[1] == 1 and g.in_w >= g.kw %}
(if (i32.le_u @i_ox #{{ g.in_w - g.kw }}) (then
{{ copy_bytes("@i_to", "@i_from", g.kw * ch, at) }}
) (else
{% endif %}
{% for kx in range(g.kw) %}
(if (i32.lt_u (i32.add @i_ox #{{ kx * g.dilation[1] }}) #{{ g.in_w }}) (then
{{ copy_bytes("@i_to", "(i32.add @i_from #%d)" % (kx * g.dilation[1] * ch), ch, at + kx * ch) }}
) (else
{{ m.fill_bytes("@i_to", ch, zero, at + kx * ch) }}
))
{% endfor %}
{% if g.dilation[1] == 1 and g.in_w >= g.kw %}
))
{% endif %}
) (else
{{ m.fill_bytes("@i_to", g.kw * ch, zero, at) }}
))
{% endfor %}
{% endmacro %}
