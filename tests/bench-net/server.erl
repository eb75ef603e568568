%% The Erlang side of the network benchmarks: a process per connection. Prints its port.
%%   erl -noshell -run server main echo|http
-module(server).
-export([main/1]).

-define(ANSWER, <<"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!">>).

main([Mode]) ->
    {ok, L} = gen_tcp:listen(0, [binary, {active, false}, {ip, {127, 0, 0, 1}}, {backlog, 1024}, {reuseaddr, true}]),
    {ok, Port} = inet:port(L),
    io:format("port ~b~n", [Port]),
    accept(L, Mode =:= "http").

accept(L, Http) ->
    case gen_tcp:accept(L) of
        {ok, S} ->
            Pid = spawn(fun() -> receive go -> serve(S, Http) end end),
            ok = gen_tcp:controlling_process(S, Pid),
            Pid ! go;
        _ -> ok
    end,
    accept(L, Http).

serve(S, Http) ->
    case gen_tcp:recv(S, 0) of
        {ok, Bytes} ->
            case gen_tcp:send(S, if Http -> ?ANSWER; true -> Bytes end) of
                ok -> serve(S, Http);
                _ -> gen_tcp:close(S)
            end;
        _ -> gen_tcp:close(S)
    end.
