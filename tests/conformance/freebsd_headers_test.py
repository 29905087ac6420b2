#!/usr/bin/env python3
"""The FreeBSD include root compiles: each header alone, in any order, with every compiler and dialect.

usage: freebsd_headers_test.py REPOSITORY LIBRARY     (a compiler that is not installed is skipped, and said)
"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

REPOSITORY = Path(sys.argv.pop(1)).resolve()
LIBRARY = Path(sys.argv.pop(1)).resolve()
ROOT = REPOSITORY / "src/personality/freebsd/include"
CONTRACT = REPOSITORY / "include"
DIALECTS = ["gnu11", "gnu17", "gnu2x", "c11"]
HEADERS = sorted(str(p.relative_to(ROOT)) for p in ROOT.rglob("*.h"))
# Headers of the host that a module may include beside FreeBSD's, before or after.
HOST_HEADERS = ["arpa/inet.h", "errno.h", "netdb.h", "netinet/in.h", "pthread.h", "resolv.h",
                "signal.h", "stdio.h", "stdlib.h", "string.h", "sys/socket.h", "sys/stat.h",
                "sys/types.h", "time.h", "unistd.h"]

# What modules expect of a header that they include alone.
PROVIDED = {
    "sys/cdefs.h": '__FBSDID("$words$");',
    "sys/param.h": """
        uint32_t number; size_t size; void *nothing = NULL; struct element;
        TAILQ_HEAD(tailq, element); LIST_HEAD(list, element); STAILQ_HEAD(stailq, element);
        uint32_t f(uint32_t n) { KASSERT(n != 0, ("%u", n)); return ntohl(n) + htonl(n); }""",
    "sys/kernel.h": """
        int places[] = {SI_SUB_KLD, SI_SUB_HHOOK, SI_ORDER_ANY};
        #if !defined SYSINIT || !defined SYSUNINIT
        #error neither
        #endif""",
    "sys/limits.h": "int largest = INT_MAX;",
    "sys/lock.h": "struct lock_object lock = {\"name\"};",
    "sys/prng.h": "unsigned f(void) { return prng32() + prng32_bounded(9); }",
    "sys/refcount.h": "int f(volatile unsigned *n) { refcount_init(n, 1); return refcount_release(n); }",
    "sys/rwlock.h": """
        static struct rwlock lock; RW_SYSINIT(mine, &lock, "words");
        void f(void) { rw_wlock(&lock); rw_assert(&lock, RA_WLOCKED); rw_wunlock(&lock); }""",
    "sys/sysctl.h": """
        static unsigned x;
        static int handler(SYSCTL_HANDLER_ARGS) { return sysctl_handle_int(oidp, arg1, arg2, req); }
        SYSCTL_DECL(_a_b); SYSCTL_NODE(_a, OID_AUTO, b, CTLFLAG_RW, NULL, "words");
        SYSCTL_PROC(_a_b, OID_AUTO, c, CTLTYPE_UINT | CTLFLAG_RW, &x, 1, handler, "IU", "words");
        SYSCTL_UINT(_a_b, OID_AUTO, d, CTLFLAG_RD, &x, 1, "words");""",
    "netinet/cc/cc.h": """
        static void f(struct cc_var *ccv) { ccv->flags |= CCF_ABC_SENTAWND; ccv->tp->snd_ssthresh = 0; }
        struct cc_algo algorithm = {.name = "mine", .conn_init = f};""",
    "netinet/cc/cc_module.h": """
        static void f(struct cc_var *ccv) { CCV(ccv, snd_cwnd) = ccv->ccvc.tcp->snd_recover; }
        static struct cc_algo algorithm = {.name = "mine", .conn_init = f};
        DECLARE_CC_MODULE(mine, &algorithm);""",
    "sys/malloc.h": """
        MALLOC_DECLARE(M_MINE); MALLOC_DEFINE(M_MINE, "mine", "of a test");
        void *f(void *p) { free(realloc(p, 9, M_MINE, M_WAITOK), M_MINE);
          return malloc(8, M_MINE, M_NOWAIT | M_ZERO); }
        void *g(void) { return malloc(8); }""",
    "sys/mbuf.h": "struct mbuf *packet;",
    "sys/module.h": """
        static int event(module_t m, int e, void *arg) { (void)m; (void)arg; return e == MOD_LOAD; }
        static moduledata_t data = {"m", event, NULL};
        DECLARE_MODULE(m, data, SI_SUB_KLD, SI_ORDER_ANY); MODULE_VERSION(m, 1);
        MODULE_DEPEND(m, other, 1, 1, 1);""",
    "sys/hhook.h": "struct hookinfo hook = {.hook_type = HHOOK_TYPE_TCP}; hhook_func_t function;",
    "sys/khelp.h": "int class_bit = HELPER_CLASS_TCP;",
    "sys/module_khelp.h": """
        struct helper h = {.h_flags = HELPER_NEEDS_OSD, .h_classes = HELPER_CLASS_TCP};
        struct hookinfo hooks[1]; struct khelp_modevent_data *data; void *handler = khelp_modevent;
        KHELP_DECLARE_MOD_UMA(x, &h, hooks, 1, sizeof(int), NULL, NULL);""",
    "sys/osd.h": "struct osd object = OSD_INITIALIZER;",
    "sys/queue.h": "struct e { TAILQ_ENTRY(e) link; };",
    "sys/socket.h": "int family = AF_INET6;",
    "sys/socketvar.h": "int id = HHOOK_SOCKET_OPT; struct socket_hhook_data context;",
    "sys/sockopt.h": "struct sockopt *option;",
    "sys/systm.h": 'void f(int *p) { printf("%d", *p); bzero(p, sizeof *p); panic("no"); }'
                   'int (*say)(const char *, ...) = printf;',
    "net/vnet.h": """
        VNET_DEFINE(int, x) = 1;
        int f(struct vnet *v) {
          CURVNET_SET(v); (void)v; (void)curvnet; VNET(x)++; CURVNET_RESTORE(); return VNET_VNET(v, x);
        }""",
    "netinet/in.h": "uint32_t f(uint32_t n) { return ntohl(n); }",
    "netinet/in_pcb.h": "void f(struct inpcb *inp) { INP_WLOCK_ASSERT(inp); }",
    "netinet/tcp.h": "int f(struct tcphdr *th) { return (th->th_flags & TH_SYN) + th->th_off; }",
    "netinet/tcp_seq.h": """
        int f(uint32_t a, uint32_t b) {
          return SEQ_LT(a, b) + SEQ_LEQ(a, b) + SEQ_GT(a, b) + SEQ_GEQ(a, b) + TSTMP_LT(a, b) +
                 TSTMP_GT(a, b) + TSTMP_GEQ(a, b) + (int)tcp_ts_getticks();
        }""",
    "netinet/tcp_var.h": """
        uint32_t f(int id, struct tcp_hhook_data *d, tcp_seq s) {
          struct tcpcb *tp = d->tp; struct tcphdr *th = d->th; struct tcpopt *to = d->to;
          if (id == HHOOK_TCP_EST_IN || id == HHOOK_TCP_EST_OUT) tp->t_flags |= TF_TSO | TF_NOOPT;
          return d->len + d->tso + (tp->t_inpcb == tptoinpcb(tp)) + tp->t_maxseg + tp->snd_una +
                 tp->snd_cwnd + tp->ts_offset + tp->sackhint.last_sack_ack + th->th_seq +
                 th->th_ack + (to->to_flags & TOF_TS) + to->to_tsval + to->to_tsecr + s;
        }""",
    "netinet/khelp/h_ertt.h": """
        int f(struct ertt *e) {
          e->flags &= ~(ERTT_NEW_MEASUREMENT | ERTT_MEASUREMENT_IN_PROGRESS | ERTT_TSO_DISABLED);
          return e->rtt + e->minrtt + e->maxrtt + e->markedpkt_rtt + e->dlyack_rx +
                 e->timestamp_errors + (int)(e->bytes_tx_in_rtt + e->bytes_tx_in_marked_rtt) +
                 (int)e->marked_snd_cwnd + (TAILQ_FIRST(&e->txsegi_q) != NULL);
        }""",
    "netipsec/ipsec.h": "int f(struct ipsec_ctx_data *d) { return d->enc == IPSEC_ENC_BEFORE; }",
    "vm/uma.h": """
        uma_zone_t zone; uma_ctor ctor; uma_dtor dtor;
        void *f(void) {
          zone = uma_zcreate("z", 8, ctor, dtor, NULL, NULL, 0, 0); uma_zfree(zone, NULL);
          uma_zdestroy(zone); return uma_zalloc(zone, M_NOWAIT | M_WAITOK | M_ZERO);
        }""",
}


def includes(headers):
    return "".join(f"#include <{header}>\n" for header in headers) + "extern int one_declaration;\n"


class Compiler(unittest.TestCase):
    """One compiler; the tests are in the class, the compiler's name in a subclass."""

    compiler = None

    @classmethod
    def setUpClass(cls):
        if cls.compiler is None or shutil.which(cls.compiler) is None:
            raise unittest.SkipTest(f"{cls.compiler} is not installed")

    def compile(self, text, *options, suffix=".c"):
        with tempfile.NamedTemporaryFile("w", suffix=suffix) as source:
            source.write(text)
            source.flush()
            command = [self.compiler, f"-I{ROOT}", f"-I{CONTRACT}", "-fsyntax-only", *options]
            return subprocess.run([*command, source.name], capture_output=True, text=True)

    def accepts(self, text, *options):
        done = self.compile(text, "-Wall", "-Wextra", "-Werror", *options)
        self.assertEqual(done.returncode, 0, done.stderr)

    def accepts_all(self, cases):
        """cases: (what it is, text, *options)."""
        with ThreadPoolExecutor(os.cpu_count()) as workers:
            done = workers.map(lambda case: self.compile(case[1], "-Wall", "-Wextra", "-Werror",
                                                         *case[2:]), cases)
            for (what, *_), result in zip(cases, done):
                with self.subTest(what):
                    self.assertEqual(result.returncode, 0, result.stderr)

    def refuses(self, text, words, *options, suffix=".c"):
        done = self.compile(text, *options, suffix=suffix)
        self.assertNotEqual(done.returncode, 0, "accepted")
        self.assertIn(words, done.stderr)

    def test_each_header_compiles_alone_and_provides_what_modules_expect_of_it(self):
        self.accepts_all([(f"{header} -std={dialect}",
                           includes([header, header]) + PROVIDED.get(header, ""),
                           f"-std={dialect}", "-DINVARIANTS")
                          for header in sorted({*HEADERS, *PROVIDED}) for dialect in DIALECTS])

    def test_any_header_may_come_first(self):
        self.accepts_all([(header, includes([header, *HEADERS])) for header in HEADERS])
        self.accepts(includes(reversed(HEADERS)))

    def test_the_hosts_headers_may_come_before_and_after(self):
        self.accepts(includes(HOST_HEADERS + HEADERS))
        self.accepts(includes(HEADERS + HOST_HEADERS))
        self.accepts_all([(header, includes([*HOST_HEADERS, header, *reversed(HOST_HEADERS)]))
                          for header in HEADERS])

    def test_strict_c_has_tcp_seq(self):
        self.accepts(includes(["netinet/tcp_var.h"]) + "tcp_seq one;\n", "-std=c11")

    def helper(self, declaration):
        return (includes(["sys/param.h", "sys/module_khelp.h"]) + "struct helper h;\n"
                + "struct hookinfo hooks[2];\nstruct hookinfo *pointer = hooks;\n" + declaration)

    def test_a_helpers_name_has_at_most_15_characters(self):  # K-13
        self.accepts(self.helper("KHELP_DECLARE_MOD(fifteenletters1, &h, hooks, 1);\n"))
        self.refuses(self.helper("KHELP_DECLARE_MOD(sixteenletters12, &h, hooks, 1);\n"),
                     "at most 15 characters")

    def test_hooks_are_an_array_or_none(self):  # K-31
        self.accepts(self.helper("KHELP_DECLARE_MOD(x, &h, NULL, 1);\n"))
        self.refuses(self.helper("KHELP_DECLARE_MOD(x, &h, pointer, 1);\n"), "not a pointer to one")

    def test_a_helpers_data_fits_an_int(self):  # K-33
        self.refuses(self.helper("KHELP_DECLARE_MOD_UMA(x, &h, hooks, 1, 1ul << 31, NULL, NULL);\n"),
                     "fits an int")

    def test_a_modules_name_has_at_most_31_characters(self):
        name = "m" * 32
        self.refuses(includes(["sys/module.h"]) + f"MODULE_VERSION({name}, 1);\n",
                     "at most 31 characters")

    def test_start_up_functions_and_variables_compile_with_and_without_vimage(self):
        text = includes(["sys/kernel.h", "net/vnet.h"]) + """
            VNET_DECLARE(int, ttl);
            #define V_ttl VNET(ttl)
            VNET_DEFINE(int, ttl) = 64;
            typedef int pair[2];
            VNET_DEFINE(pair, both);
            VNET_DEFINE_STATIC(struct { int a; } *, pointer);
            void f(void *arg) { (void)arg; V_ttl++; VNET(pointer) = NULL; (*VNET_PTR(both))[1] = 1; }
            SYSINIT(one, SI_SUB_KLD, SI_ORDER_ANY, f, NULL);
            SYSUNINIT(one, SI_SUB_KLD, SI_ORDER_ANY, f, NULL);
            VNET_SYSINIT(two, SI_SUB_PSEUDO, SI_ORDER_ANY, f, NULL);
            VNET_SYSUNINIT(two, SI_SUB_VNET_DONE, SI_ORDER_ANY, f, NULL);
            int all(void) {
              int sum = 0;
              VNET_ITERATOR_DECL(each);
              VNET_LIST_RLOCK();
              VNET_FOREACH(each) {
                CURVNET_SET(each);
                CURVNET_ASSERT_SET();
                sum += V_ttl + VNET_VNET(each, ttl) + (IS_DEFAULT_VNET(each) ? 1 : 0);
                CURVNET_RESTORE();
              }
              VNET_LIST_RUNLOCK();
              return sum;
            }\n"""
        self.accepts_all([(f"-std={dialect} {options}", text, f"-std={dialect}", *options)
                          for dialect in DIALECTS
                          for options in ((), ("-DVIMAGE",), ("-DVIMAGE", "-DINVARIANTS"))])

    def test_functions_per_instance_stand_above_si_sub_vnet(self):
        for place in ("SI_SUB_VNET", "SI_SUB_LAST"):
            for macro in ("VNET_SYSINIT", "VNET_SYSUNINIT"):
                with self.subTest(macro=macro, place=place):
                    self.refuses(includes(["net/vnet.h"]) + "void f(void *);\n"
                                 + f"{macro}(x, {place}, SI_ORDER_ANY, f, NULL);\n",
                                 "above SI_SUB_VNET", "-DVIMAGE")

    def test_the_contract_before_the_names_is_refused(self):
        self.refuses(includes(["khelp/hhook.h", "sys/hhook.h"]), "before any <khelp/...> header")

    def test_cpp_is_refused(self):
        self.refuses(includes(["sys/hhook.h"]), "FreeBSD modules are C", "-std=c++20", "-xc++",
                     suffix=".cpp")

    def test_a_failed_assertion_says_its_words_and_aborts(self):
        text = includes(["sys/param.h"]) + """
            int main(int argc, char **argv) {
              (void)argv;
              KASSERT(argc == 1, ("%s: %d arguments", __func__, argc - 1));
              MPASS(argc != 3);
              return 0;
            }\n"""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "a.c").write_text(text)
            for options, code, words in ((["-DINVARIANTS"], -6, "panic: main: 1 arguments"),
                                         ([], 0, "")):
                subprocess.run([self.compiler, f"-I{ROOT}", f"-I{CONTRACT}", *options, "-o",
                                f"{folder}/a", f"{folder}/a.c", LIBRARY,
                                f"-Wl,-rpath,{LIBRARY.parent}"], check=True)
                ran = subprocess.run([f"{folder}/a", "argument"], capture_output=True, text=True)
                self.assertEqual(ran.returncode, code)
                self.assertIn(words, ran.stderr)


class Gcc(Compiler):
    compiler = "gcc"


class Clang(Compiler):
    compiler = "clang"


def load_tests(loader, _tests, _pattern):
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in (Gcc, Clang))


if __name__ == "__main__":
    unittest.main(verbosity=2)
