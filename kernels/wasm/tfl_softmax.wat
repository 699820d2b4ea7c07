{# Softmax of rows of `n` bytes by TensorFlow Lite's rules. How far a byte is below the largest of its row has 256 values:
   `powers` are their exponentials in Q0.31 and `parts` the same in Q12.19, which are summed. Results have `item` bytes.
   lo..hi are rows. #}
{% import "macros.wat" as m with context %}
{% import "tfl_scalar.wat" as t with context %}
{% macro power(table) %}(i64.load32_s (i32.add @{{ table }} (i32.shl (i32.sub @i_most (i32.load8_{{ sign }} @i_p)) #2))){% endmacro %}
{% call m.for("row", "@lo", "@hi") %}
(local.set $i_x (i32.add @x (i32.mul @i_row #{{ n }})))
(local.set $i_c (i32.add @c (i32.mul @i_row #{{ n * item }})))
(local.set $i_p @i_x)
(local.set $i_most #-128)
{% call m.repeat("a", "#%d" % n) %}
(local.set $i_v (i32.load8_{{ sign }} @i_p))
(local.set $i_most (select @i_most @i_v (i32.gt_s @i_most @i_v)))
{{ m.bump("i_p", 1) }}
{% endcall %}
(local.set $i_p @i_x)
(local.set $l_sum (i64.const 0))
{% call m.repeat("b", "#%d" % n) %}
(local.set $l_sum (i64.add @l_sum {{ power("parts") }}))
{{ m.bump("i_p", 1) }}
{% endcall %}
{# The reciprocal by three steps of Newton's method; the sum is its half in Q0.31 then. #}
(local.set $l_zeros (i64.sub (i64.clz @l_sum) (i64.const 32)))
(local.set $l_sum (i64.shr_u (i64.shl @l_sum @l_zeros) (i64.const 1)))
(local.set $l_r @l_sum)
{{ t.high_product("r", "(i64.const -1010580540)") }}
(local.set $l_r (i64.add @l_r (i64.const 1515870810)))
{% for _ in range(3) %}
(local.set $l_q @l_sum)
{{ t.high_product("q", "@l_r") }}
(local.set $l_q (i64.sub (i64.const 536870912) @l_q))
{{ t.high_product("q", "@l_r") }}
(local.set $l_r (i64.add @l_r (i64.shl @l_q (i64.const 2))))
{% endfor %}
(local.set $l_r (i64.shl @l_r (i64.const 1)))
{{ t.clamp("r", -2147483648, 2147483647) }}
(local.set $l_bits (i64.sub (i64.const {{ 43 - 8 * item }}) @l_zeros))
(local.set $i_p @i_x)
{% call m.repeat("d", "#%d" % n) %}
(local.set $l_o {{ power("powers") }})
{{ t.high_product("o", "@l_r") }}
{{ t.rounding_shift("o", "@l_bits") }}
(local.set $l_o (i64.add @l_o (i64.const {{ least }})))
{{ t.clamp("o", least, most) }}
(i64.store{{ 8 * item }} @i_c @l_o)
{{ m.bump("i_p", 1) }}
{{ m.bump("i_c", item) }}
{% endcall %}
{% endcall %}
